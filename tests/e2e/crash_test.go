package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/oracle"
)

// A bridge is killed under viewers and publishers and started again at the same address. On a broker with a log the viewers go on as if nothing had
// been; the log of the in-process broker is gone, and each viewer is told so, once, and sees all that is published from then on.
func TestViewersOutliveTheirBridge(t *testing.T) {
	everyBrokerInTurn(t, func(t *testing.T, s subject) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		const viewers, publishers, keys, lead, each = 50, 2, 20, 600, 1500
		j := newJob(t, s.start(t), s.topic(t), size{keys: keys})
		c := &crash{job: j, restarted: make(chan struct{}), keeps: s.name != "inproc"}
		after := j.oracle
		if !c.keeps {
			after = oracle.New()
		}
		for i, o := range []*oracle.Oracle{j.oracle, after} {
			c.lives[i] = life{publisher: 10 * i, chase: newChase(o, j.topic, keys, lead, viewers)}
		}
		c.lives[0].bridge = j.bridge

		var opening, viewing sync.WaitGroup
		opening.Add(viewers)
		for i := range viewers {
			seen := [2]*oracle.Viewer{j.oracle.Viewer(fmt.Sprint("viewer ", i))}
			if seen[1] = seen[0]; !c.keeps {
				seen[1] = after.Viewer(fmt.Sprint("viewer ", i))
			}
			opened := sync.OnceFunc(opening.Done)
			// Ends when the viewer has seen the end of the run, or with ctx.
			viewing.Go(func() {
				defer opened()
				if err := c.view(ctx, i, seen, opened); err != nil {
					j.fail(fmt.Errorf("viewer %d: %w", i, err))
					cancel()
				}
			})
		}
		opening.Wait()

		first := c.publish(ctx, 0, publishers)
		c.lives[0].chase.until(ctx, each)
		j.bridge.Kill()
		c.lives[0].chase.end()
		for range publishers {
			<-first // how it ended is no news
		}
		j.bridge = s.start(t, "CULVERT_LISTEN="+strings.TrimPrefix(j.bridge.URL, "http://"))
		c.lives[1].bridge = j.bridge
		close(c.restarted)

		second := c.publish(ctx, 1, publishers)
		c.lives[1].chase.until(ctx, each)
		c.lives[1].chase.end()
		for range publishers {
			if err := <-second; err != nil {
				t.Errorf("a publisher after the restart: %v", err)
			}
		}
		j.oracle, after = after, j.oracle
		j.finish(ctx)
		viewing.Wait()
		j.judge()
		if !c.keeps {
			for _, fault := range after.Judge() {
				t.Errorf("before the crash: %s", fault)
			}
		}
		t.Logf("%d messages after the restart", j.oracle.Acked())
	})
}

// crash is one run.
type crash struct {
	*job
	lives     [2]life // before it and after it
	restarted chan struct{}
	keeps     bool // the broker has what was published before
}

// life is a bridge from its start to its end.
type life struct {
	publisher int // the first one
	bridge    *bridge.Bridge
	chase     *chase
}

// publish lets publishers write in a life, and gives what became of each.
func (c *crash) publish(ctx context.Context, n, publishers int) <-chan error {
	l, ended := c.lives[n], make(chan error, publishers)
	for p := range publishers {
		// Ends with the life.
		go func() { ended <- l.chase.publish(ctx, l.bridge.URL, l.publisher+p) }()
	}
	return ended
}

// view is one viewer, in both lives. seen is what it is shown of what was published in each.
func (c *crash) view(ctx context.Context, i int, seen [2]*oracle.Viewer, opened func()) error {
	place, end := "", newFinish(c.size.keys)
	if _, err := c.session(ctx, 0, i, seen, &place, end, opened); err != nil {
		return fmt.Errorf("its first stream: %w", err)
	}
	select {
	case <-c.restarted:
	case <-ctx.Done():
		return ctx.Err()
	}
	switch over, err := c.session(ctx, 1, i, seen, &place, end, opened); {
	case err != nil:
		return fmt.Errorf("its second stream: %w", err)
	case !over:
		return errors.New("its second stream broke")
	}
	return nil
}

// session is one stream of a viewer, until it breaks or the run is over, which it reports.
func (c *crash) session(ctx context.Context, n, i int, seen [2]*oracle.Viewer, place *string, end *finish, opened func()) (over bool, err error) {
	stream, err := openWatch(ctx, i, c.lives[n].bridge.URL, c.topic, *place)
	if err != nil {
		return false, err
	}
	defer stream.close()
	gone := n == 1 && !c.keeps // what the place was in
	for told := false; ; {
		t, err := stream.next()
		if err != nil {
			return false, nil // broken
		}
		switch {
		case t.Op == "ready":
			if resumed := t.Resumed != nil && *t.Resumed; resumed != (n == 1 && c.keeps) || gone && t.Reason != "epoch" {
				return false, fmt.Errorf("it opened with %+v", t)
			}
			opened()
		case t.Op == "mark":
		case t.Op == "gap" && gone && !told && t.Reason == "epoch" && t.Lost == nil:
			told = true
			seen[0].Gap(-1)
		case t.Op == "msg" && t.Cursor != "" && (told || !gone):
			note, err := oracle.ParseNote(t.Text)
			if err != nil {
				return false, err
			}
			of := 0
			if note.Publisher >= c.lives[1].publisher {
				of = 1
			}
			if of == 0 && gone {
				return false, errors.New("a message came back from a log that was gone")
			}
			seen[of].Saw(note)
			c.lives[of].chase.saw(i)
			if end.saw(note) {
				return true, nil
			}
		default:
			return false, fmt.Errorf("it was told %+v", t)
		}
		*place = t.Cursor
	}
}
