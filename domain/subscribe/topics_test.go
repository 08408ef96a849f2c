package subscribe

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/ports"
)

// wanderer is a client of several topics, whose wishes change. It knows nothing but what it was told, and when it comes back, nothing but the cursor
// of the last event that it saw.
type wanderer struct {
	c      *fakeCluster
	wants  func(*domain.Message) bool
	view   ports.View
	stream ports.Stream
	cancel context.CancelFunc
	cursor *domain.Cursor
	topics map[domain.Topic]*witness
	gone   map[domain.Topic]bool // topics that were deleted while something of them was still to be told
}

// know makes a witness of a topic that has seen all before v.
func (w *wanderer) know(t *rapid.T, topic domain.Topic, v *domain.Vector) {
	b := w.c.topic(topic)
	if b == nil {
		w.gone[topic] = true
		return
	}
	w.topics[topic] = &witness{t: t, b: b, wants: w.wants, loosely: v}
	w.topics[topic].begins(v)
}

func (w *wanderer) read(ctx context.Context, t *rapid.T, s *Service) (something bool) {
	if w.stream == nil && !w.open(ctx, t, s) {
		return true
	}
	b, err := w.stream.Next(ctx)
	if bye := (*domain.Bye)(nil); errors.As(err, &bye) {
		w.told(t, w.stream.Cursor())
		w.leave()
		return true
	} else if err != nil {
		t.Fatal(err)
	}
	for _, span := range b.Spans {
		for i, e := range span.Events() {
			w.event(t, e, span.After(i))
			if rapid.IntRange(0, 30).Draw(t, "broken off") == 30 {
				w.leave()
				return true
			}
		}
	}
	if b.Mark != "" {
		w.parse(t, b.Mark)
	}
	return len(b.Spans) > 0
}

func (w *wanderer) event(t *rapid.T, e domain.Event, after domain.Cursor) {
	topic := w.topics[e.Topic]
	if !w.gone[e.Topic] && (topic == nil || topic.epoch == 0) {
		// It has joined, maybe again.
		w.know(t, e.Topic, &domain.Vector{Epoch: after.Vector(e.Topic).Epoch})
		topic = w.topics[e.Topic]
	}
	switch {
	case topic == nil:
	case e.Gap != nil:
		topic.gap(*e.Gap, after.Vector(e.Topic))
		topic.b = w.c.topic(e.Topic)
		if topic.b == nil {
			delete(w.topics, e.Topic)
			w.gone[e.Topic] = true
		}
	default:
		topic.message(e.Message)
	}
	if e.Cursor != "" {
		w.parse(t, e.Cursor)
	}
}

func (w *wanderer) parse(t *rapid.T, text string) {
	c, err := domain.ParseCursor(text)
	if err != nil {
		t.Fatalf("cursor %q: %v", text, err)
	}
	w.told(t, c)
}

// told holds a cursor against what was seen: exactly that is in it.
func (w *wanderer) told(t *rapid.T, c domain.Cursor) {
	for name, topic := range w.topics {
		v := c.Vector(name)
		if v == nil {
			t.Fatalf("the cursor forgets topic %q", name)
		}
		if v.Epoch != topic.epoch {
			continue // its gap is on its way
		}
		topic.holds(v)
		for partition, next := range topic.next {
			if place, ok := v.At(partition); next > 0 && (!ok || place.Next < next) {
				t.Fatalf("topic %q, partition %d: all before %d was given, and the cursor says %+v", name, partition, next, place)
			}
		}
	}
	w.cursor = &c
}

// open opens the stream, where all that it names exists.
func (w *wanderer) open(ctx context.Context, t *rapid.T, s *Service) bool {
	view := w.view
	if view.Resume = w.cursor; w.cursor != nil && !w.cursor.Shares(view.Topics) {
		view.Resume, w.cursor = nil, nil
	}
	ctx, w.cancel = context.WithCancel(ctx)
	stream, err := s.View(ctx, view)
	if err != nil {
		if code := domain.CodeOf(err); code != domain.UnknownTopic {
			t.Fatal(err)
		}
		for _, p := range view.Topics {
			if topic, one := p.Topic(); one && w.c.topic(topic) == nil {
				w.c.create(topic, 1)
			}
		}
		w.cancel()
		return false
	}
	w.stream, w.topics, w.gone = stream, map[domain.Topic]*witness{}, map[domain.Topic]bool{}
	ready := stream.Ready()
	for _, topic := range ready.Topics {
		w.know(t, topic, w.beginning(t, topic, view, ready))
	}
	w.told(t, ready.Cursor)
	return true
}

// beginning is where the stream must begin in a topic.
func (w *wanderer) beginning(t *rapid.T, topic domain.Topic, view ports.View, ready ports.Ready) *domain.Vector {
	if view.Resume != nil {
		if v := view.Resume.Vector(topic); v != nil {
			if v.Epoch == 0 {
				v = w.earliest(topic)
			}
			return v
		}
	}
	v := w.earliest(topic)
	if view.From.Latest() {
		for _, place := range ready.Cursor.Vector(topic).Places() {
			if b := w.c.topic(topic); !place.Pending() && place.Next != b.end(place.Partition) {
				t.Fatalf("topic %q begins at %+v, its end is %d", topic, place, b.end(place.Partition))
			}
		}
		v = ready.Cursor.Vector(topic)
	}
	return v
}

// earliest is the topic's beginning.
func (w *wanderer) earliest(topic domain.Topic) *domain.Vector {
	return &domain.Vector{Epoch: w.c.topic(topic).epoch}
}

func (w *wanderer) leave() {
	if w.stream != nil {
		w.cancel()
		w.stream = nil
	}
}

// finish reads until there is nothing more, and then everything of all its topics must have been seen or be in a gap.
func (w *wanderer) finish(ctx context.Context, t *rapid.T, s *Service) {
	for quiet, i := 0, 0; quiet < 5; i++ {
		if i > 5000 {
			t.Fatal("the stream does not come to rest")
		}
		if quiet++; w.read(ctx, t, s) {
			quiet = 0
		}
	}
	for _, name := range w.c.names() {
		if !slices.ContainsFunc(w.view.Topics, func(p domain.Pattern) bool { return p.Matches(name) }) {
			continue
		}
		b, topic := w.c.topic(name), w.topics[name]
		for p, messages := range b.partitions {
			for _, m := range messages {
				if m == nil || !w.wants(m) {
					continue
				}
				if w.gone[name] {
					break
				}
				if topic == nil {
					t.Fatalf("topic %q was never told of", name)
				}
				if m.Offset >= topic.next[int32(p)] && topic.due(int32(p), m.Offset) {
					t.Fatalf("%q %d/%d was never given", name, p, m.Offset)
				}
			}
		}
		if topic != nil && topic.epoch != 0 && topic.epoch != b.epoch {
			t.Fatalf("the viewer is in epoch %d of topic %q, the topic in %d", topic.epoch, name, b.epoch)
		}
	}
}

var wishes = [][]domain.Pattern{{"a1"}, {"a*"}, {"*"}, {"a1", "b1"}, {"a1", "b*"}, {"*1", "a*"}, {"b*", "a2"}}

// TestSeveralTopicsOnOneStream lets topics appear and go, be made anew, grow, be compacted and lose their leaders, while viewers of several of them come, break off at
// any event and come back with other wishes.
func TestSeveralTopicsOnOneStream(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bubble(t, func(ctx context.Context) { severalTopicsOnOneStream(ctx, rt) })
	})
}

func severalTopicsOnOneStream(ctx context.Context, t *rapid.T) {
	c := newFakeCluster()
	c.create("a1", 2)
	c.create("b1", 1)
	cfg := testConfig()
	cfg.Window.Messages = rapid.IntRange(1, 20).Draw(t, "window")
	cfg.BatchBytes = rapid.IntRange(1, 2000).Draw(t, "batch")
	s, err := New(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	viewers := make([]*wanderer, rapid.IntRange(1, 3).Draw(t, "viewers"))
	for i := range viewers {
		viewers[i] = drawWanderer(t, c)
	}
	for range rapid.IntRange(10, 120).Draw(t, "steps") {
		w := viewers[rapid.IntRange(0, len(viewers)-1).Draw(t, "viewer")]
		name := rapid.SampledFrom([]domain.Topic{"a1", "a2", "b1", "b2"}).Draw(t, "topic")
		b := c.topic(name)
		if b == nil {
			if rapid.IntRange(0, 3).Draw(t, "create") == 0 {
				c.create(name, rapid.IntRange(1, 3).Draw(t, "partitions"))
			}
			continue
		}
		p := int32(rapid.IntRange(0, len(b.first)-1).Draw(t, "partition"))
		switch rapid.SampledFrom([]string{"put", "put", "put", "put", "read", "read", "read", "leave", "wish", "cut", "compact", "wait", "recreate", "delete", "grow", "leader"}).Draw(t, "step") {
		case "put":
			for range rapid.IntRange(1, 12).Draw(t, "messages") {
				if b.leaderless[p] {
					break
				}
				b.change(func() { b.offset(p) })
				b.put(p, string(keyOf(p, b.end(p)).Key))
			}
		case "read":
			w.read(ctx, t, s)
		case "leave":
			w.leave()
		case "wish":
			w.leave()
			w.view.Topics = rapid.SampledFrom(wishes).Draw(t, "topics")
		case "cut":
			b.cut(p, rapid.IntRange(1, 8).Draw(t, "messages"))
		case "compact":
			b.compact(p, rapid.Int64Range(0, 20).Draw(t, "offset"))
		case "wait":
			time.Sleep(3 * time.Second)
		case "recreate":
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				b.recreate()
			}
		case "delete":
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				c.remove(name)
			}
		case "grow":
			if len(b.first) < 4 {
				b.addPartition()
			}
		case "leader":
			b.lead(p, rapid.Bool().Draw(t, "has"))
		}
		synctest.Wait()
	}
	for _, name := range c.names() {
		for p := range c.topic(name).first {
			c.topic(name).lead(int32(p), true)
		}
	}
	synctest.Wait() // a live log has come to the end by then, which is where a stream begins that begins now
	for _, w := range viewers {
		w.finish(ctx, t, s)
		w.leave()
	}
	synctest.Wait()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if n := c.readers(); n != 0 {
		t.Fatalf("%d readers are left", n)
	}
}

func drawWanderer(t *rapid.T, c *fakeCluster) *wanderer {
	w := &wanderer{c: c, view: ports.View{Heartbeat: time.Second}}
	w.view.Topics = rapid.SampledFrom(wishes).Draw(t, "topics")
	w.view.From = rapid.SampledFrom([]domain.Start{domain.StartLatest(), domain.StartEarliest()}).Draw(t, "from")
	w.view.Overflow = rapid.SampledFrom([]ports.Overflow{ports.OverflowResume, ports.OverflowDrop, ports.OverflowDisconnect}).Draw(t, "overflow")
	if rapid.Bool().Draw(t, "filtered") {
		w.view.Keys = [][]byte{[]byte("b"), []byte("c")}[:rapid.IntRange(1, 2).Draw(t, "keys")]
	}
	w.wants = newFilter(w.view.Keys, nil).wants
	return w
}
