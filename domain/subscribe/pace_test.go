package subscribe

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

func TestAReaderWaitsForWhoeverWouldLoseItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		slow, gone := p.sit(3), p.sit(4)
		p.sit(5)
		began := time.Now()
		if p.wait(t.Context(), 0, 3); time.Since(began) != 0 {
			t.Error("it waited though nobody would lose anything")
		}
		go func() {
			<-time.After(10 * time.Millisecond)
			p.stand(gone)
			<-time.After(10 * time.Millisecond)
			p.moveTo(slow, 5)
		}()
		if p.wait(t.Context(), 0, 5); time.Since(began) != 20*time.Millisecond {
			t.Errorf("it waited for %s", time.Since(began))
		}
	})
}

func TestWhoDoesNotReadIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		p.sit(0)
		began := time.Now()
		if p.wait(t.Context(), 0, 2); time.Since(began) != paceMost {
			t.Errorf("it waited for %s", time.Since(began))
		}
		for first := uint64(2); first < 10; first++ { // by now the viewer is left behind
			p.wait(t.Context(), first, first+1)
		}
		if time.Since(began) != paceMost {
			t.Errorf("it waited for %s", time.Since(began))
		}
	})
}

// A viewer that always comes, but late, holds up the others for a share of the time alone.
func TestWhoReadsSlowlyCostsTheOthersAShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		const work, rounds = time.Millisecond, 1000
		began := time.Now()
		for first := range uint64(rounds) {
			<-time.After(work)
			slow := p.sit(first)
			p.wait(t.Context(), first, first+1)
			p.stand(slow)
		}
		if took, most := time.Since(began), rounds*work+rounds*work/paceShare+paceMost; took > most {
			t.Errorf("%d rounds of %s took %s, want at most %s", rounds, work, took, most)
		}
	})
}

func TestNothingIsWaitedForOnceTheReplayHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		p.sit(0)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if p.wait(ctx, 0, 1); time.Since(began) != 0 {
			t.Errorf("it waited for %s", time.Since(began))
		}
	})
}

// Viewers who come at once and read about as fast as each other share one reader to the end, though none of them keeps pace with the fastest all the time.
func TestViewersOfAReplayStayTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const viewers, messages = 10, 1000
		b := newFakeBroker(1)
		for range messages {
			b.put(0, "k")
		}
		s := newService(t, b, func(c *Config) { c.Window.Messages, c.ReplayBytes = 10, 20*b.partitions[0][0].Size() })
		place := domain.NewVector(b.epoch, domain.Place{Next: 0})
		var all sync.WaitGroup
		for i, stream := range comeBack(t, s, slices.Repeat([]*domain.Vector{place}, viewers)) {
			all.Go(func() { readAtTimes(t, stream, rand.New(rand.NewPCG(1, uint64(i))), messages) })
		}
		all.Wait()
		if n := s.ReplaysBegun(); n != 1 {
			t.Errorf("%d readers for what one could have read", n)
		}
	})
}

// readAtTimes takes so many messages, and has something else to do now and then.
func readAtTimes(t *testing.T, stream ports.Stream, at *rand.Rand, messages int64) {
	for next := int64(0); next < messages; {
		<-time.After(time.Duration(at.Int64N(int64(time.Millisecond))))
		batch, err := stream.Next(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		for _, span := range batch.Spans {
			for _, e := range span.Events() {
				if e.Gap != nil || e.Message.Offset != next {
					t.Errorf("%+v, %d was due", e, next)
					return
				}
				next++
			}
		}
	}
}
