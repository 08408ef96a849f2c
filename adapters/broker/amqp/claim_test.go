package amqp

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"
)

// A server closes the channel for a tag that it does not know, be it that it was acknowledged before; and takes all before a tag for acknowledged where it is said to be a multiple.
func TestAcknowledgementsAreSuchAsTheServerTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClaim(nil)
		outstanding, settled := map[int64]bool{}, map[int64]bool{}
		var last int64
		acknowledge := func() {
			upto, beyond := c.told()
			for _, tag := range append([]int64{upto}, beyond...) {
				if tag != 0 && !outstanding[tag] {
					t.Fatalf("tag %d is acknowledged, which the server does not know (any more)", tag)
				}
				delete(outstanding, tag)
			}
			for tag := range outstanding {
				if tag <= upto {
					if !settled[tag] {
						t.Fatalf("all up to %d are acknowledged, and %d is not settled", upto, tag)
					}
					delete(outstanding, tag)
				}
			}
			for tag := range settled {
				if outstanding[tag] {
					t.Fatalf("%d is settled and was not acknowledged", tag)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"deliver": func(*rapid.T) {
				last++
				outstanding[last] = true
				c.push(&amqp091.Delivery{DeliveryTag: uint64(last)}, time.Now(), time.Minute)
			},
			"settle": func(t *rapid.T) {
				for _, tag := range rapid.SliceOf(rapid.Int64Range(1, last+3)).Draw(t, "tags") {
					c.Settle(tag)
					if tag <= last {
						settled[tag] = true
					}
				}
			},
			"acknowledge": func(*rapid.T) { acknowledge() },
		})
		acknowledge()
	})
}

func TestTheOldestUnsettledMessageIsNotTakenForYounger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClaim(nil)
		const grain = 10 * time.Second
		began := time.Now()
		for tag := range uint64(100) { // one each second
			c.push(&amqp091.Delivery{DeliveryTag: tag + 1}, time.Now(), grain)
			time.Sleep(time.Second)
		}
		for _, tag := range []int64{50, 3, 2, 1} {
			c.Settle(tag)
		}
		for tag := int64(4); tag <= 100; tag++ {
			at, open := c.oldest()
			came := began.Add(time.Duration(tag-1) * time.Second)
			if tag == 50 {
				came = came.Add(time.Second) // that one is settled
			}
			if !open || at.After(came) || came.Sub(at) > grain {
				t.Errorf("the oldest unsettled message, number %d, came at %v; it is taken for one of %v (%v)", tag, came.Sub(began), at.Sub(began), open)
			}
			c.Settle(tag)
		}
		if at, open := c.oldest(); open {
			t.Errorf("all is settled, and a message of %v is not", at.Sub(began))
		}
		if len(c.arrivals) > 0 {
			t.Errorf("%d times are kept of nothing", len(c.arrivals))
		}
	})
}

func TestAClaimThatIsGoneGivesItsGapBack(t *testing.T) {
	m := membership{}
	m.lose()
	c := newClaim(m.gap)
	if got := c.close(); got != m.gap {
		t.Errorf("the gap that nobody fetched is %v", got)
	}
	c = newClaim(m.gap)
	c.push(&amqp091.Delivery{DeliveryTag: 1, Body: []byte("after it")}, time.Now(), time.Minute)
	haul, err := c.Fetch(t.Context())
	if err != nil || haul.Gap != m.gap || len(haul.Messages) != 1 {
		t.Errorf("fetched gap %v and %d messages (%v)", haul.Gap, len(haul.Messages), err)
	}
	if got := c.close(); got != nil {
		t.Errorf("the gap was fetched, and comes back: %v", got)
	}
}
