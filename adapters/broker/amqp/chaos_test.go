package amqp_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"culvert/adapters/broker/amqp"
	"culvert/domain"
	"culvert/tests/brokers"
)

// judge sees what all members of a queue are given, in that order.
type judge struct {
	mu     sync.Mutex // guards what follows
	first  map[string]bool
	next   map[string]int // by key: the number after the highest that was given
	faults []string
	again  int
}

// given is a message whose payload is its key and its number within that.
func (j *judge) given(m *domain.Message) {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := string(m.Payload)
	if j.first[text] {
		j.again++
		return
	}
	j.first[text] = true
	key, digits, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(digits)
	if err != nil || n != j.next[key] {
		j.faults = append(j.faults, fmt.Sprintf("%q came first when number %d was to come", text, j.next[key]))
	}
	j.next[key] = n + 1
}

func (j *judge) seen() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.first)
}

// Two members share what is published while their networks break again and again: each message comes to one of them at least, and where the order of keys is kept, in that.
func TestNothingIsLostThoughConnectionsBreak(t *testing.T) {
	t.Parallel()
	const messages, keys, breaks = 20_000, 50, 24
	url := brokers.RabbitMQ(t).URL
	for name, c := range map[string]struct {
		order  domain.Order
		change func(*amqp.Config)
	}{
		"one after the other": {domain.OrderKey, func(*amqp.Config) {}},
		// What comes back to a quorum queue keeps its order only where all of it fits the next member's prefetch.
		"one after the other, in quorum": {domain.OrderKey, func(c *amqp.Config) { c.QueueType, c.Prefetch = "quorum", 250 }},
		"competing":                      {domain.OrderNone, func(*amqp.Config) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			dice := rand.New(rand.NewPCG(seed, 0))
			topic := topicOn(t, url)
			j := &judge{first: map[string]bool{}, next: map[string]int{}}
			var members []*member
			var networks []*relay
			for i := range 2 {
				way, network := through(t, url)
				m, each := newMember(), 0
				m.eager = func(m *domain.Message) bool {
					j.given(m)
					each++
					return each%7 != 0 // the rest is settled later, out of order
				}
				m.join(t, node(t, way, func(c *amqp.Config) { c.Prefetch = 100 + 300*i }, c.change), topic, domain.Terms{Order: c.order})
				members, networks = append(members, m), append(networks, network)
			}
			outside := meet(t, url)
			var sending sync.WaitGroup
			sending.Go(func() { // ends with the messages
				var texts []string
				for n := range messages / keys {
					for key := range keys {
						texts = append(texts, fmt.Sprintf("%d %d", key, n))
					}
					if len(texts) >= 500 || n == messages/keys-1 {
						outside.send(string(topic), "", texts...)
						texts = nil
					}
				}
			})
			defer sending.Wait()

			late := func() { // settles what was left, newest first
				for _, m := range members {
					all := m.all()
					for i := len(all) - 1; i >= 0; i-- {
						m.settle(all[i])
					}
				}
			}
			for b := 1; b <= breaks; b++ {
				brokers.Eventually(t, soon, fmt.Sprintf("%d messages", b*messages/breaks/2), func() bool { late(); return j.seen() >= b*messages/breaks/2 })
				networks[dice.IntN(len(networks))].cut()
			}
			brokers.Eventually(t, 2*soon, "all messages", func() bool { late(); return j.seen() >= messages })
			brokers.Eventually(t, soon, "nothing left", func() bool { late(); return unsettled(t, topic) == 0 })
			for _, m := range members {
				m.leave()
				if m.err != nil || len(m.gaps) > 0 {
					t.Errorf("a member was told %v and %v", m.err, m.gaps)
				}
			}
			if c.order == domain.OrderKey && len(j.faults) > 0 {
				t.Errorf("%d times the order of a key was broken, such as: %s", len(j.faults), j.faults[0])
			}
			t.Logf("%d messages were given again", j.again)
		})
	}
}
