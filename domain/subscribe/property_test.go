package subscribe

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"culvert/domain"
	"culvert/ports"
)

// witness follows one viewer by what it is told, as a client does, and holds it against the promise: of each partition every
// offset once and in order, or in a gap that counts exactly, and none of another incarnation of the topic before a gap says so.
type witness struct {
	t       *rapid.T
	b       *fakeBroker // of the topic
	cursor  string
	epoch   domain.Epoch // means nothing where the broker goes by fingerprints
	next    map[int32]int64
	printed map[int32]uint32          // the last fingerprint that was told of each partition: the incarnation it is in
	last    map[int32]*domain.Message // the last message of each partition, since a gap
	wants   func(*domain.Message) bool
	prints  bool // the broker goes by fingerprints
	// loosely, where it is not nil, is where partitions began, some of them at no offset: retention may run over their beginning, and nobody is told.
	loosely *domain.Vector
}

// begins makes v all that the viewer knows.
func (w *witness) begins(v *domain.Vector) {
	w.epoch, w.next, w.printed, w.last = v.Epoch, map[int32]int64{}, map[int32]uint32{}, map[int32]*domain.Message{}
	for _, p := range v.Places() {
		w.next[p.Partition], w.printed[p.Partition] = p.Next, p.Fingerprint
	}
}

// same fails where what follows in a partition is of another incarnation than what came before it.
func (w *witness) same(partition int32, fingerprint uint32) {
	if had := w.printed[partition]; had != 0 && fingerprint != 0 && had>>printBits != fingerprint>>printBits {
		w.t.Fatalf("partition %d is in incarnation %d, and was in %d, without a word", partition, fingerprint>>printBits, had>>printBits)
	}
}

// opened takes over what ready tells: partitions that it does not name begin at their first message.
func (w *witness) opened(r ports.Ready) {
	v := r.Cursor.Vector("t")
	if w.next == nil {
		w.begins(v)
	}
	w.cursor = r.Cursor.String()
}

func (w *witness) saw(b ports.Batch) {
	for _, span := range b.Spans {
		for i, e := range span.Events() {
			if e.Gap != nil {
				w.gap(*e.Gap, span.After(i).Vector("t"))
			} else {
				w.message(e.Message)
			}
			if e.Cursor != "" {
				w.told(e.Cursor)
			}
		}
	}
	if b.Mark != "" {
		w.told(b.Mark)
	}
}

func (w *witness) gap(g domain.Gap, after *domain.Vector) {
	if g.Reason == domain.GapEpoch {
		if place, ok := after.At(g.Partition); ok && w.loosely != nil {
			w.loosely = w.loosely.With(place)
		}
		if after.Epoch != w.epoch {
			w.begins(after)
			if w.loosely != nil {
				w.loosely = after
			}
		}
		w.next[g.Partition] = 0
		for p := range w.next {
			// Partitions without a place any more begin anew, too.
			if place, ok := after.At(p); p == g.Partition || !ok {
				w.next[p], w.printed[p] = place.Next, place.Fingerprint
				delete(w.last, p)
			}
		}
		return
	}
	place, _ := after.At(g.Partition)
	if g.Reason == domain.GapRetention {
		w.printed[g.Partition] = 0 // nobody could look at what was there
	}
	w.same(g.Partition, place.Fingerprint)
	delete(w.last, g.Partition)
	if g.Lost == domain.LostUnknown && w.unplaced(g.Partition) && w.next[g.Partition] == 0 {
		w.next[g.Partition] = place.Next
		return
	}
	if g.Lost < 1 {
		w.t.Fatalf("a gap of %d messages", g.Lost)
	}
	lost := after.Next(g.Partition) - g.Lost
	for o := place.Next; w.next[g.Partition] < lost && o > 0 && !w.b.carries(g.Partition, o-1); o-- {
		lost-- // what never carried a message is not lost, though it may be counted
	}
	w.skip(g.Partition, lost)
	w.next[g.Partition] = after.Next(g.Partition)
}

// skip lets the place of a partition move to an offset, where nothing that matches lies between.
func (w *witness) skip(partition int32, to int64) {
	if w.next[partition] > to {
		w.t.Fatalf("partition %d: %d is told of, %d was due: seen twice or out of order", partition, to, w.next[partition])
	}
	for offset := w.next[partition]; offset < to; offset++ {
		if w.due(partition, offset) {
			w.t.Fatalf("partition %d: %d is told of, %d was due: lost without a word", partition, to, offset)
		}
	}
}

// due reports whether the viewer must hear of an offset.
func (w *witness) due(partition int32, offset int64) bool {
	if w.unplaced(partition) && (offset < w.b.trimmed[partition] || w.early(partition, offset)) {
		return false
	}
	return w.wants(keyOf(partition, offset)) && w.b.carries(partition, offset)
}

// unplaced reports whether a partition began at no offset.
func (w *witness) unplaced(partition int32) bool {
	if w.loosely == nil {
		return false
	}
	place, ok := w.loosely.At(partition)
	return !ok || place.Pending()
}

// early reports whether an offset lies before the time at which its partition was to begin.
func (w *witness) early(partition int32, offset int64) bool {
	place, _ := w.loosely.At(partition)
	if place.Pending() && w.epoch != w.b.epoch || int(partition) >= len(w.b.first) {
		return true // who knows
	}
	i := offset - w.b.first[partition]
	return i < int64(len(w.b.partitions[partition])) && w.b.partitions[partition][i] != nil && w.b.partitions[partition][i].Time.Before(place.Since)
}

func (w *witness) message(m *domain.Message) {
	if !w.wants(m) {
		w.t.Fatalf("%d/%d does not match", m.Partition, m.Offset)
	}
	w.same(m.Partition, m.Fingerprint)
	w.skip(m.Partition, m.Offset)
	w.next[m.Partition], w.printed[m.Partition], w.last[m.Partition] = m.Offset+1, m.Fingerprint, m
}

// told holds a cursor against what was seen: it may lag behind, but what it skips was seen or did not match.
func (w *witness) told(text string) {
	c, err := domain.ParseCursor(text)
	if err != nil {
		w.t.Fatalf("cursor %q: %v", text, err)
	}
	w.holds(c.Vector("t"))
	w.cursor = text
}

// holds holds a vector against what was seen.
func (w *witness) holds(v *domain.Vector) {
	if v.Epoch != w.epoch && !w.prints {
		return // the gap that tells of the new epoch is on its way
	}
	for _, p := range v.Places() {
		w.same(p.Partition, p.Fingerprint)
		if had := w.last[p.Partition]; had != nil && had.Offset == p.Next-1 && had.Fingerprint != p.Fingerprint {
			w.t.Fatalf("the place %+v forgets the message before it", p)
		}
		if p.Fingerprint != 0 && p.Fingerprint%(1<<printBits) != uint32(p.Next) {
			w.t.Fatalf("the place %+v has the fingerprint of another message", p)
		}
		for want := w.next[p.Partition]; want < p.Next; want++ {
			if w.due(p.Partition, want) {
				w.t.Fatalf("the cursor skips %d/%d, which was not given", p.Partition, want)
			}
		}
	}
}

// keyOf is the key that the test gives to every message, known from its position alone.
func keyOf(partition int32, offset int64) *domain.Message {
	return &domain.Message{Key: []byte{byte('a' + (int64(partition)+offset)%3)}}
}

// TestEveryMessageOnceOrAGap lets viewers come, go, fall behind and come back while messages are published, retention runs,
// partitions are added and the topic is made anew, in any order; where the broker goes by fingerprints, in the same epoch, and another one
// may begin with the same messages.
func TestEveryMessageOnceOrAGap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bubble(t, func(ctx context.Context) { everyMessageOnceOrAGap(ctx, rt) })
	})
}

func everyMessageOnceOrAGap(ctx context.Context, t *rapid.T) {
	b := newFakeBroker(rapid.IntRange(1, 3).Draw(t, "partitions"))
	b.prints = rapid.Bool().Draw(t, "prints")
	b.marked = !b.prints && rapid.Bool().Draw(t, "marked") // a place past a mark has no fingerprint to go by
	cfg := testConfig()
	cfg.Window.Messages = rapid.SampledFrom([]int{1, 5, 20, 50, 100}).Draw(t, "window") // in the larger ones runs grow
	cfg.BatchBytes = rapid.IntRange(1, 2000).Draw(t, "batch")
	s, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	viewers := make([]*viewer, rapid.IntRange(1, 4).Draw(t, "viewers"))
	for i := range viewers {
		viewers[i] = drawViewer(t)
		viewers[i].b, viewers[i].prints = b, b.prints
	}
	for range rapid.IntRange(10, 120).Draw(t, "steps") {
		v := viewers[rapid.IntRange(0, len(viewers)-1).Draw(t, "viewer")]
		switch rapid.SampledFrom([]string{"put", "put", "put", "read", "read", "leave", "cut", "wait", "recreate", "grow", "restart"}).Draw(t, "step") {
		case "put":
			p := int32(rapid.IntRange(0, len(b.first)-1).Draw(t, "partition"))
			for range rapid.IntRange(1, 12).Draw(t, "messages") {
				b.change(func() { b.offset(p) })
				b.put(p, string(keyOf(p, b.end(p)).Key))
			}
		case "read":
			v.read(ctx, t, s)
		case "leave":
			v.leave()
		case "cut":
			p := rapid.IntRange(0, len(b.first)-1).Draw(t, "partition")
			b.cut(int32(p), rapid.IntRange(1, 8).Draw(t, "messages"))
		case "wait":
			time.Sleep(2 * time.Second)
		case "recreate":
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				b.recreate()
			}
		case "restart":
			if b.prints {
				for _, v := range viewers {
					v.leave()
				}
				if err := s.Drain(ctx); err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, "epoch") {
					b.restart()
				}
				if s, err = New(b, cfg); err != nil {
					t.Fatal(err)
				}
			}
		case "grow":
			if len(b.first) < 5 {
				b.addPartition()
			}
		}
		synctest.Wait()
	}
	for _, v := range viewers {
		v.finish(ctx, t, s, b)
		v.leave()
	}
	synctest.Wait()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if n := b.readers(); n != 0 {
		t.Fatalf("%d readers are left", n)
	}
}

type viewer struct {
	witness
	view   ports.View
	stream ports.Stream
	cancel context.CancelFunc
	woken  *flag // of a viewer that polls
}

func drawViewer(t *rapid.T) *viewer {
	v := &viewer{view: ports.View{Topics: []domain.Pattern{"t"}, Heartbeat: time.Second}}
	v.view.From = rapid.SampledFrom([]domain.Start{domain.StartLatest(), domain.StartEarliest(), domain.StartLast(3)}).Draw(t, "from")
	v.view.Overflow = rapid.SampledFrom([]ports.Overflow{ports.OverflowResume, ports.OverflowDrop, ports.OverflowDisconnect}).Draw(t, "overflow")
	if rapid.Bool().Draw(t, "filtered") {
		v.view.Keys = [][]byte{[]byte("b")}
	}
	if rapid.Bool().Draw(t, "polls") {
		v.woken = new(flag)
		v.view.Waker = v.woken
	}
	f := newFilter(v.view.Keys, nil)
	v.witness = witness{t: t, wants: f.wants}
	return v
}

// read opens the stream where it has none, and takes one batch.
func (v *viewer) read(ctx context.Context, t *rapid.T, s *Service) (something bool) {
	if v.stream == nil {
		v.open(ctx, t, s)
	}
	b, err := v.ask(ctx)
	if bye := (*domain.Bye)(nil); errors.As(err, &bye) {
		v.told(v.stream.Cursor().String())
		v.leave()
		return true
	} else if err != nil {
		t.Fatal(err)
	}
	v.saw(b)
	if v.woken != nil && len(b.Spans) > 0 {
		v.stream.Written()
	}
	return len(b.Spans) > 0
}

// ask asks for the next batch. Who polls does so only when it was woken, or when there was more: else it lets the time of a heartbeat pass.
func (v *viewer) ask(ctx context.Context) (ports.Batch, error) {
	if v.woken == nil {
		return v.stream.Next(ctx)
	}
	for {
		if !v.woken.down() {
			time.Sleep(v.view.Heartbeat)
			synctest.Wait()
			if !v.woken.down() {
				return v.stream.Silence(), nil
			}
		}
		b, more, err := v.stream.Poll()
		if more {
			v.woken.Wake()
		}
		if len(b.Spans) > 0 || err != nil {
			return b, err
		}
	}
}

func (v *viewer) open(ctx context.Context, t *rapid.T, s *Service) {
	ctx, v.cancel = context.WithCancel(ctx)
	view := v.view
	if v.cursor != "" {
		c, err := domain.ParseCursor(v.cursor)
		if err != nil {
			t.Fatal(err)
		}
		// A client's memory is what its cursor says.
		v.begins(c.Vector("t"))
		view.Resume = &c
	}
	stream, err := s.View(ctx, view)
	if err != nil {
		t.Fatal(err)
	}
	v.stream = stream
	if v.woken != nil {
		v.woken.Wake()
	}
	v.opened(stream.Ready())
}

func (v *viewer) leave() {
	if v.stream != nil {
		v.cancel()
		v.stream = nil
	}
}

// finish reads until there is nothing more, and then every message that matches must have been seen or be in a gap.
func (v *viewer) finish(ctx context.Context, t *rapid.T, s *Service, b *fakeBroker) {
	quiet := 0
	for i := 0; quiet < 2; i++ {
		if i > 5000 {
			t.Fatal("the stream does not come to rest")
		}
		if v.read(ctx, t, s) {
			quiet = 0
		} else {
			quiet++
		}
	}
	if v.epoch != b.epoch && !b.prints {
		t.Fatalf("the viewer is in epoch %d, the topic in %d", v.epoch, b.epoch)
	}
	for p, messages := range b.partitions {
		if had := v.printed[int32(p)]; had != 0 && had>>printBits != b.incarnation {
			t.Fatalf("the viewer is in incarnation %d of partition %d, the topic in %d", had>>printBits, p, b.incarnation)
		}
		for _, m := range messages {
			if m != nil && m.Offset >= v.next[int32(p)] && v.wants(m) {
				t.Fatalf("%d/%d was never given", p, m.Offset)
			}
		}
	}
}
