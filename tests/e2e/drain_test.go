package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/client"
)

// TestADrainLosesNothing sends SIGTERM to a bridge with many streams while messages are injected: everyone is told bye, with times to come back that are spread, members may still settle
// what they hold, the bridge leaves in time, and the next one goes on with all that was confirmed and was not seen or settled.
func TestADrainLosesNothing(t *testing.T) {
	everyBrokerInTurn(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		b := s.start(t, "CULVERT_SHUTDOWN_DRAIN="+drainOver.String(), "CULVERT_HTTP_READ_HEADER_TIMEOUT=1m") // a client among so many has its turn seldom
		d := &drain{t: t, bridge: b, topic: s.topic(t), stopping: make(chan struct{}), confirmed: map[string]bool{}, settled: map[string]bool{}}
		last := d.run(ctx)
		if s.name != "inproc" { // which is gone, and its log with it
			d.goOn(ctx, s.start(t), last)
		}
	})
}

const (
	drainViewers = 1980
	drainMembers = 20
	drainOver    = 8 * time.Second
)

// drain is a run of a bridge that is stopped under load.
type drain struct {
	t        *testing.T
	bridge   *bridge.Bridge
	topic    string
	stopping chan struct{} // closed when SIGTERM is sent

	mu        sync.Mutex // guards what follows
	confirmed map[string]bool
	settled   map[string]bool
	waits     []time.Duration // that clients were told
	seen      map[string]bool // by the first viewer
}

// run ends when the bridge has, and gives the place of the first viewer.
func (d *drain) run(ctx context.Context) (last string) {
	var opening, clients sync.WaitGroup
	opening.Add(drainViewers + drainMembers)
	for i := range drainViewers {
		clients.Go(func() { // ends with the bridge
			id, seen := d.view(ctx, sync.OnceFunc(opening.Done))
			if i == 0 {
				last, d.seen = id, seen
			}
		})
	}
	for range drainMembers {
		clients.Go(func() { d.work(ctx, sync.OnceFunc(opening.Done)) }) // ends with the bridge
	}
	opening.Wait()
	publishing := make(chan struct{})
	clients.Go(func() { d.publish(ctx, publishing) }) // ends with the bridge
	<-publishing
	begun := time.Now()
	close(d.stopping)
	if err := d.bridge.Stop(); err != nil {
		d.t.Errorf("culvert left with %v", err)
	}
	if took := time.Since(begun); took > 15*time.Second {
		d.t.Errorf("it took %s to leave", took)
	}
	clients.Wait()
	early, late := 0, 0
	for _, wait := range d.waits {
		switch {
		case wait < drainOver/4:
			early++
		case wait > drainOver*3/4:
			late++
		}
	}
	// About an eighth of all and three eighths are to be expected: the time begins a second late.
	if n := len(d.waits); n != drainViewers+drainMembers || early < n/20 || late < n/5 {
		d.t.Errorf("%d streams were told when to come back, %d of them early and %d late in %s", n, early, late, drainOver)
	}
	d.t.Logf("%d messages were confirmed, %d settled; the bridge left after %s", len(d.confirmed), len(d.settled), time.Since(begun).Round(time.Millisecond))
	return last
}

func (d *drain) view(ctx context.Context, opened func()) (last string, seen map[string]bool) {
	defer opened()
	stream, err := client.OpenSSE(ctx, d.bridge.URL+"/v1/topics/"+d.topic+"/events", "")
	if err != nil {
		d.t.Error(err)
		return
	}
	defer stream.Close()
	seen = map[string]bool{}
	for {
		e, err := stream.Next()
		if err != nil {
			d.t.Errorf("a viewer was told no bye: %v", err)
			return
		}
		switch e.Type {
		case "ready":
			opened()
		case "message":
			seen[e.Data] = true
		case "bye":
			d.parted(e)
			return e.ID, seen
		}
	}
}

// work holds what it is given until the bridge is told to stop, and settles it then.
func (d *drain) work(ctx context.Context, opened func()) {
	defer opened()
	stream, err := client.OpenSSE(ctx, d.bridge.URL+"/v1/topics/"+d.topic+"/queues/"+queue+"/events?ack=manual&max_in_flight=3", "")
	if err != nil {
		d.t.Error(err)
		return
	}
	defer stream.Close()
	var ready struct {
		Stream string `json:"stream"`
	}
	held := map[string]string{} // payloads by receipt
	for {
		e, err := stream.Next()
		if err != nil {
			d.t.Errorf("a member was told no bye: %v", err)
			return
		}
		switch e.Type {
		case "ready":
			if err := json.Unmarshal([]byte(e.Data), &ready); err != nil {
				d.t.Error(err)
			}
			opened()
		case "message":
			if held[e.ID] = e.Data; len(held) == 3 {
				<-d.stopping
				d.settle(ctx, ready.Stream, held)
			}
		case "bye":
			d.parted(e)
			return
		}
	}
}

// settle says done for all that a member holds, which counts although the bridge is about to leave.
func (d *drain) settle(ctx context.Context, stream string, held map[string]string) {
	var receipts []string
	for receipt := range held {
		receipts = append(receipts, receipt)
	}
	n, unknown, err := client.Settle(ctx, d.bridge.URL, stream, map[string][]string{"receipts": receipts})
	if err != nil || n != len(held) {
		d.t.Errorf("%d of %d were settled while the bridge was leaving, %q unknown: %v", n, len(held), unknown, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, payload := range held {
		d.settled[payload] = true
	}
}

func (d *drain) parted(bye client.Event) {
	var said struct {
		Reason string `json:"reason"`
		Retry  int64  `json:"retry_ms"`
	}
	if err := json.Unmarshal([]byte(bye.Data), &said); err != nil || said.Reason != "shutdown" || bye.Retry != strconv.FormatInt(said.Retry, 10) {
		d.t.Errorf("bye says %s and retry %q, %v", bye.Data, bye.Retry, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits = append(d.waits, time.Duration(said.Retry)*time.Millisecond)
}

// publish injects message after message until the bridge has had enough, and says when it is well under way.
func (d *drain) publish(ctx context.Context, underWay chan struct{}) {
	const few = 100
	for i := 0; ; i++ {
		if i == few {
			close(underWay)
		}
		text := fmt.Sprintf("message %d", i)
		err := client.Post(ctx, d.bridge.URL+"/v1/topics/"+d.topic+"/messages", "text/plain", []byte(text), new(json.RawMessage))
		if err == nil {
			d.mu.Lock()
			d.confirmed[text] = true
			d.mu.Unlock()
			continue
		}
		select {
		case <-d.stopping:
		default:
			d.t.Errorf("%s was refused before the end: %v", text, err)
			close(underWay)
		}
		return
	}
}

// goOn looks at what the next bridge has: what the viewer lacked, and what nobody settled.
func (d *drain) goOn(ctx context.Context, next *bridge.Bridge, last string) {
	d.bridge = next
	lacking := map[string]bool{}
	for text := range d.confirmed {
		lacking[text] = !d.seen[text]
	}
	d.await(ctx, "a viewer that comes back", "/events?to=latest", last, lacking)
	open := map[string]bool{}
	for text := range d.confirmed {
		open[text] = !d.settled[text]
	}
	d.await(ctx, "a member that comes back", "/queues/"+queue+"/events", "", open)
}

// await reads a stream until it has shown all that is wanted, and nothing that is not: what was refused may be there too.
func (d *drain) await(ctx context.Context, who, path, lastID string, wanted map[string]bool) {
	left := 0
	for _, wants := range wanted {
		if wants {
			left++
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stream, err := client.OpenSSE(ctx, d.bridge.URL+"/v1/topics/"+d.topic+path, lastID)
	if err != nil {
		d.t.Fatal(err)
	}
	defer stream.Close()
	for left > 0 {
		e, err := stream.Until("message")
		if err != nil {
			d.t.Fatalf("%s lacks %d messages: %v", who, left, errors.Join(err, ctx.Err()))
		}
		wants, known := wanted[e.Data]
		if known && !wants {
			d.t.Errorf("%s is given %q, which was seen or settled", who, e.Data)
		}
		if wants {
			wanted[e.Data] = false
			left--
		}
	}
}
