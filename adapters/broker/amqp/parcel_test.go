package amqp

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
)

func noID(int) string { return "" }

func TestAParcelTellsWhatIsKnownAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards codes
		codes := map[int]domain.Code{}
		var ended atomic.Int64
		p := newParcel(numbered(0, 5), time.Second, noID, func(i int, _ domain.Ack, err error) {
			mu.Lock()
			defer mu.Unlock()
			if _, told := codes[i]; told {
				t.Errorf("message %d was answered twice", i)
			}
			codes[i] = ""
			if err != nil {
				codes[i] = domain.CodeOf(err)
			}
		}, func(*parcel) { ended.Add(1) })
		o := p.messages
		o[0].leave()
		o[0].confirm()
		o[1].leave()
		o[2].leave()
		o[2].stay()
		o[3].answer(domain.Ack{}, errRefused())
		p.sealed()
		time.Sleep(time.Second)
		synctest.Wait()
		o[1].confirm() // too late
		mu.Lock()
		defer mu.Unlock()
		want := map[int]domain.Code{0: "", 1: domain.Timeout, 2: domain.Unavailable, 3: domain.Unavailable, 4: domain.Unavailable}
		for i, code := range want {
			if codes[i] != code {
				t.Errorf("message %d: %q, want %q", i, codes[i], code)
			}
		}
		if o[2].leave() || o[4].leave() {
			t.Error("a message leaves after it was answered")
		}
		if ended.Load() != 1 {
			t.Errorf("the parcel ended %d times", ended.Load())
		}
	})
}

func TestAMessageIsAnsweredOnceWhoeverAnswers(t *testing.T) {
	for range 100 {
		var told atomic.Int64
		ended := make(chan *parcel, 10)
		p := newParcel(numbered(0, 10), time.Microsecond, noID, func(int, domain.Ack, error) { told.Add(1) }, func(p *parcel) { ended <- p })
		var all sync.WaitGroup
		all.Go(func() {
			for i := range p.messages {
				if p.messages[i].leave() {
					p.messages[i].confirm()
				}
			}
		})
		all.Go(func() { p.expire(errClosed()) })
		p.sealed()
		all.Wait()
		<-ended // by the deadline's goroutine perhaps, which may be behind
		if told.Load() != 10 || len(ended) > 0 {
			t.Fatalf("%d of 10 were answered, and the parcel ended %d times", told.Load(), 1+len(ended))
		}
	}
}

func TestFIFO(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f fifo
		var want []*outgoing
		for range rapid.IntRange(0, 500).Draw(t, "steps") {
			switch n := rapid.IntRange(0, 9).Draw(t, "step"); {
			case n < 6:
				o := &outgoing{}
				f.push(o)
				want = append(want, o)
			case n == 6 && len(want) > 0:
				f.unpush()
				want = want[:len(want)-1]
			case n > 6:
				var next *outgoing
				if len(want) > 0 {
					next, want = want[0], want[1:]
				}
				if f.shift() != next {
					t.Fatal("it is not the first")
				}
			}
		}
		for i, o := range f.all() {
			if i >= len(want) || o != want[i] {
				t.Fatal("the rest is in another order")
			}
		}
	})
}
