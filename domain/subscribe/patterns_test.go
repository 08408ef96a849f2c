package subscribe

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// countedCluster counts how often it is asked which topics there are.
type countedCluster struct {
	*fakeCluster
	asked int
}

func (c *countedCluster) Topics(ctx context.Context) ([]domain.Topic, error) {
	c.asked++
	return c.fakeCluster.Topics(ctx)
}

// A node that had drained opened streams of patterns that fit no topic yet, and asked the brokers for all of them, since only feeds were refused.
func TestAPatternIsNotWatchedAfterTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &countedCluster{fakeCluster: newFakeCluster()}
		s := newService(t, b, nil)
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.View(t.Context(), ports.View{Topics: []domain.Pattern{"a*"}}); domain.CodeOf(err) != domain.Unavailable || b.asked > 0 {
			t.Errorf("a view after the drain: %v; the brokers were asked %d times", err, b.asked)
		}
	})
}

// A stream of patterns to a time that was still to come, and that fit no topic, ended at the first heartbeat after that time, or never.
func TestAStreamOfNoTopicsEndsAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, newFakeCluster(), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		stream, err := s.View(ctx, ports.View{Topics: []domain.Pattern{"a*"}, To: &domain.Stop{Time: began.Add(time.Minute)}})
		if err != nil {
			t.Fatal(err)
		}
		wantBye(t, stream, domain.ByeEnd)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it ended after %v", took)
		}
	})
}
