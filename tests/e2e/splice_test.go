package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/oracle"
)

// spliceWindow is how many messages of a topic the bridge holds for live viewers.
const spliceWindow = 30

// While publishers write as fast as viewers can follow, viewers leave and come back a thousand times: at once, when the live window is about to leave their
// place behind, and long after it has, so that a replay of the broker's log must meet messages that are just coming in. Each viewer is shown each message once, and in order.
func TestAThousandSplices(t *testing.T) {
	const viewers, publishers, keys, lead = 10, 2, 20, 12 * spliceWindow
	resumes, limit := 1000, limit
	if os.Getenv("CULVERT_JOB") != "" {
		resumes, limit = 20_000, 20*time.Minute
	}
	everyBrokerInTurn(t, func(t *testing.T, s subject) {
		b := s.start(t, fmt.Sprint("CULVERT_SUBSCRIBE_WINDOW_MESSAGES=", spliceWindow), "CULVERT_SUBSCRIBE_OPEN_TIMEOUT=1m")
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		j := newJob(t, b, s.topic(t), size{keys: keys})
		r := &splices{job: j, chase: newChase(j.oracle, j.topic, keys, lead, viewers), bridge: b, resumes: resumes}
		var opening, viewing, publishing sync.WaitGroup
		opening.Add(viewers)
		for i := range viewers {
			v := j.oracle.Viewer(fmt.Sprint("viewer ", i))
			opened := sync.OnceFunc(opening.Done)
			// Ends when the viewer has seen the end of the run, or with ctx.
			viewing.Go(func() {
				defer opened()
				if err := r.view(ctx, i, v, opened); err != nil {
					j.fail(fmt.Errorf("viewer %d: %w", i, err))
					cancel()
				}
			})
		}
		opening.Wait()
		for p := range publishers {
			// Ends when all resumptions are done, or with ctx.
			publishing.Go(func() {
				if err := r.chase.publish(ctx, b.URL, p); err != nil {
					j.fail(fmt.Errorf("publisher %d: %w", p, err))
				}
			})
		}
		publishing.Wait()
		j.finish(ctx)
		viewing.Wait()
		j.judge()
		t.Logf("%d messages, of %d resumptions %d far behind", j.oracle.Acked(), resumes, r.far)
	})
}

// splices is one run.
type splices struct {
	*job
	chase  *chase
	bridge *bridge.Bridge

	mu      sync.Mutex // guards what follows
	resumes int        // that are still to be done
	far     int        // from behind the live window
}

// view is one viewer, who leaves whenever it has met the live log and been shown some of it.
func (r *splices) view(ctx context.Context, i int, v *oracle.Viewer, opened func()) error {
	place, end := "", newFinish(r.size.keys)
	for {
		stream, err := openWatch(ctx, i, r.bridge.URL, r.topic, place)
		if err != nil {
			return err
		}
		aim := r.chase.confirmed() + 1 + rand.N(spliceWindow)
		over, err := r.session(stream, i, v, &place, end, aim, opened)
		stream.close()
		if over || err != nil {
			return err
		}
		behind := []int{0, spliceWindow / 2, spliceWindow, 2 * spliceWindow, 10 * spliceWindow}[rand.N(5)]
		r.chase.until(ctx, v.Seen()+behind)
		r.count(behind > spliceWindow)
	}
}

// session reads a stream until its viewer has seen aim messages in all, and then leaves if there are resumptions to be done. It reports whether the run is over.
func (r *splices) session(stream *watch, i int, v *oracle.Viewer, place *string, end *finish, aim int, opened func()) (over bool, err error) {
	for ready := false; !ready || v.Seen() < aim || !r.leave(); {
		t, err := stream.next()
		if err != nil {
			return false, err
		}
		switch {
		case t.Op == "ready":
			if *place != "" && (t.Resumed == nil || !*t.Resumed) {
				return false, fmt.Errorf("%q was not resumed: %+v", *place, t)
			}
			ready = true
			opened()
		case t.Op == "mark":
		case t.Op == "msg" && t.Cursor != "":
			over, err := show(v, end, t.Text)
			if over || err != nil {
				return over, err
			}
			r.chase.saw(i)
		default:
			return false, fmt.Errorf("after %d messages: %+v", v.Seen(), t)
		}
		*place = t.Cursor
	}
	return false, nil
}

// leave reports whether one more viewer is to leave.
func (r *splices) leave() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resumes > 0
}

// count counts a resumption; the last one ends the publishing.
func (r *splices) count(far bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if far {
		r.far++
	}
	if r.resumes--; r.resumes == 0 {
		r.chase.end()
	}
}

// finish publishes the last message of each key.
func (j *job) finish(ctx context.Context) {
	var last []oracle.Note
	for k := range j.size.keys {
		last = append(last, oracle.Note{Publisher: finisher, Key: j.key(k)})
	}
	j.inject(ctx, last)
}

// judge fails the test with all that went wrong.
func (j *job) judge() {
	for _, err := range j.failed {
		j.t.Error(err)
	}
	for _, fault := range j.oracle.Judge() {
		j.t.Error(fault)
	}
}
