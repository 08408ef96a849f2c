package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"culvert/tests/client"
	"culvert/tests/oracle"
)

// member takes part in the queue of a trial, over a WebSocket or SSE, settles what it is given, and comes back when it is cut off.
type member struct {
	*load
	number int
	seen   *oracle.Member
}

// habits are what is odd about the members of a trial. Their functions may be called by all members at once.
type habits struct {
	dwell func() time.Duration             // how long a member keeps what it was given
	told  func(n oracle.Note, attempt int) // hears of what members are given; attempt is 0 where they are not told it
}

// poisoned begins the keys of messages that no member can handle: each hands them back.
const poisoned = "poison"

func poison(n oracle.Note) bool { return strings.HasPrefix(n.Key, poisoned) }

func (m *member) run(ctx context.Context, opened func()) {
	session := m.overWS
	if m.number%2 == 1 {
		session = m.overSSE
	}
	defer opened()
	for ctx.Err() == nil {
		err := session(ctx, opened)
		m.seen.Away()
		m.parted(ctx, fmt.Sprintf("member %d", m.number), err)
	}
}

// asking is when a member asked to be let in: in which life of the node, and at which turn of the oracle's.
type asking struct{ birth, turn int64 }

func (m *member) asks() asking { return asking{m.nodes[0].births.Load(), m.oracle.Turn()} }

// joined says that the member was let in, as it had asked. A queue of the in-process broker is gone with each of them, and begins anew with the first member of the next; while it
// lives, nothing can keep it from knowing what was settled, as it may with any other broker that dies or is cut off.
func (m *member) joined(asked asking, opened func()) error {
	if m.kind == inproc {
		if now := m.nodes[0].births.Load(); now != asked.birth {
			return fmt.Errorf("the bridge was started anew in the meantime: birth %d, and now %d", asked.birth, now)
		}
		if before := m.life.Swap(asked.birth); before != 0 && before != asked.birth {
			m.oracle.Forgotten(queue)
		}
		m.seen.Joined(fmt.Sprintf("birth %d", asked.birth), asked.turn)
	}
	opened()
	return nil
}

// gift is a message at a member, and which attempt at it that is; 0 where the member is not told.
type gift struct {
	oracle.Note
	attempt int
}

// got tells the oracle of a message.
func (m *member) got(payload string, attempt int) (gift, error) {
	n, err := oracle.ParseNote(payload)
	if err != nil {
		m.Errorf("member %d: %v", m.number, err)
		return gift{}, err
	}
	m.seen.Tried(n, attempt)
	if m.habits.told != nil {
		m.habits.told(n, attempt)
	}
	return gift{n, attempt}, nil
}

// gap tells the oracle of a hole.
func (m *member) gap(f client.Frame) {
	where := f.Reason
	if f.Partition != nil {
		where += fmt.Sprintf(" of partition %d", *f.Partition)
	}
	m.step("member %d was told of a gap: %s, %d", m.number, where, sizeOf(f.Lost))
	m.seen.Gap(where, sizeOf(f.Lost))
}

// settles says that the member is about to settle messages.
func (m *member) settles(gifts ...gift) {
	for _, g := range gifts {
		m.seen.Settled(g.Note)
	}
}

// settled says that the bridge has taken it; surely, where it has answered that it did.
func (m *member) settled(surely bool, gifts ...gift) {
	for _, g := range gifts {
		if surely {
			m.seen.Closed(g.Note, g.attempt)
		}
		m.group.saw(g.Note)
	}
}

// dwell is how long the member keeps a message: mostly no time, but some for so long that whatever breaks finds messages that are not settled.
func (m *member) dwell() time.Duration {
	switch {
	case m.habits.dwell != nil:
		return m.habits.dwell()
	case rand.IntN(20) == 0:
		return rand.N(time.Second)
	}
	return 0
}

func (m *member) overWS(ctx context.Context, opened func()) error {
	asked := m.asks()
	ws, err := client.OpenWS(ctx, m.url()+"/v1/ws", "culvert.v1.json")
	if err != nil {
		return err
	}
	ctx, parted := context.WithCancel(ctx)
	s := &socket{
		member: m, WS: ws, opened: func() error { return m.joined(asked, opened) }, due: map[string]gift{}, ripe: make(chan string),
		frames: make(chan client.Frame), broken: make(chan error, 1),
	}
	reading := make(chan struct{})
	go func() { // ends with the socket
		defer close(reading)
		s.broken <- s.read(ctx)
	}()
	defer func() {
		parted()
		ws.Close()
		<-reading
	}()
	return s.work(ctx)
}

// socket is a member's stay over a WebSocket.
type socket struct {
	*member
	*client.WS
	opened func() error
	due    map[string]gift // what it holds, by the receipt, which is the id of its done
	ripe   chan string     // receipts that it has kept for long enough
	frames chan client.Frame
	broken chan error
}

func (s *socket) read(ctx context.Context) error {
	for {
		f, err := s.Next(ctx)
		if err != nil {
			return err
		}
		select {
		case s.frames <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *socket) work(ctx context.Context) error {
	if err := s.Send(ctx, client.Frame{Op: "sub", ID: "sub", Sub: "s", Topic: s.name, Queue: queue, Ack: "manual", Max: 32}); err != nil {
		return err
	}
	for {
		var err error
		select {
		case f := <-s.frames:
			err = s.take(ctx, f)
		case receipt := <-s.ripe:
			err = s.settle(ctx, receipt)
		case err = <-s.broken:
		}
		if err != nil {
			return err
		}
	}
}

func (s *socket) take(ctx context.Context, f client.Frame) error {
	switch f.Op {
	case "ready":
		return s.opened()
	case "assign", "mark":
	case "gap":
		s.gap(f)
	case "ok":
		if g, ok := s.due[f.ID]; ok && f.Settled == 1 {
			s.settled(true, g)
		}
		delete(s.due, f.ID)
	case "msg":
		g, err := s.got(*f.Text, max(1, f.Attempt))
		if err != nil {
			return err
		}
		s.due[f.Receipt] = g
		d := s.dwell()
		if d == 0 {
			return s.settle(ctx, f.Receipt)
		}
		time.AfterFunc(d, func() {
			select {
			case s.ripe <- f.Receipt:
			case <-ctx.Done():
			}
		})
	default:
		if f.Op == "err" && !f.Retryable {
			s.Errorf("member %d was told %+v", s.number, f)
		}
		return fmt.Errorf("%s: %s %s", f.Op, f.Reason, f.Detail)
	}
	return nil
}

func (s *socket) settle(ctx context.Context, receipt string) error {
	g := s.due[receipt]
	if poison(g.Note) {
		return s.Send(ctx, client.Frame{Op: "nack", Sub: "s", Receipts: []string{receipt}})
	}
	s.settles(g)
	return s.Send(ctx, client.Frame{Op: "done", ID: receipt, Sub: "s", Receipts: []string{receipt}})
}

func (m *member) overSSE(ctx context.Context, opened func()) error {
	asked := m.asks()
	path := "/v1/topics/" + m.name + "/queues/" + queue + "/events?ack=manual"
	if m.kind == inproc { // where what was settled may not come again, attempts tell what comes late
		path += "&envelope=1"
	}
	stream, err := client.OpenSSE(ctx, m.url()+path, "")
	if err != nil {
		return err
	}
	defer stream.Close()
	base := "http://" + stream.Response.Request.URL.Host
	var ready struct {
		Stream string `json:"stream"`
	}
	var held parcel
	for {
		e, err := stream.Next()
		if err != nil {
			return err
		}
		switch e.Type {
		case "ready":
			if err := json.Unmarshal([]byte(e.Data), &ready); err != nil {
				return err
			}
			if err := m.joined(asked, opened); err != nil {
				return err
			}
		case "assign", "mark":
		case "gap":
			var f client.Frame
			if err := json.Unmarshal([]byte(e.Data), &f); err != nil {
				return err
			}
			m.gap(f)
		case "message":
			payload, attempt, err := m.opens(e.Data)
			if err != nil {
				return err
			}
			g, err := m.got(payload, attempt)
			if err != nil {
				return err
			}
			if held.add(g, e.ID); !stream.Drained() {
				continue // what came at once is settled at once
			}
			if err := m.settleUpto(ctx, base, ready.Stream, held); err != nil {
				return err
			}
			held = parcel{}
		default:
			return fmt.Errorf("%s: %s", e.Type, e.Data)
		}
	}
}

// opens gives what is in the data of a message: a payload, or the envelope of one, which tells the attempt.
func (m *member) opens(data string) (payload string, attempt int, err error) {
	if m.kind != inproc {
		return data, 0, nil
	}
	var f client.Frame
	if err := json.Unmarshal([]byte(data), &f); err != nil || f.Text == nil {
		return "", 0, fmt.Errorf("no envelope of a text: %q: %v", data, err)
	}
	return *f.Text, max(1, f.Attempt), nil
}

// parcel is what came at once over SSE.
type parcel struct {
	good []gift
	bad  []string // receipts of poison
	last string   // the last receipt
}

func (p *parcel) add(g gift, receipt string) {
	p.last = receipt
	if poison(g.Note) {
		p.bad = append(p.bad, receipt)
		return
	}
	p.good = append(p.good, g)
}

// settleUpto settles a parcel when it was kept for long enough, and hands back what is poison.
func (m *member) settleUpto(ctx context.Context, base, stream string, p parcel) error {
	select {
	case <-time.After(m.dwell()):
	case <-ctx.Done():
		return ctx.Err()
	}
	if len(p.bad) > 0 {
		if _, _, err := client.Settle(ctx, base, stream, map[string]any{"nack": p.bad}); err != nil {
			return err
		}
	}
	m.settles(p.good...)
	settled, _, err := client.Settle(ctx, base, stream, map[string]string{"upto": p.last})
	if err != nil {
		return err
	}
	m.settled(settled == len(p.good), p.good...) // which of fewer it were, nobody says
	return nil
}
