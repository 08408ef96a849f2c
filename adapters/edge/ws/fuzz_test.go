package ws

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"sync"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// recorder is a connection that takes everything and gives nothing.
type recorder struct {
	net.Conn
	mu  sync.Mutex
	got []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, p...)
	return len(p), nil
}

func (r *recorder) SetWriteDeadline(time.Time) error { return nil }
func (r *recorder) Close() error                     { return nil }

// FuzzConversation holds that whatever a client sends, the server says nothing but JSON objects and perhaps one close, last; that it
// closes only for what holds something else than JSON objects, or too much; and that each pub with an id is answered exactly once.
func FuzzConversation(f *testing.F) {
	for _, seed := range []string{
		`{"op":"pub","id":"1","topic":"t","payload":{"a":[1,"\u00e9"]}}`,
		"{\"op\":\"pub\",\"id\":\"1\",\"topic\":\"t\",\"text\":\"x\"}\n{\"op\":\"pub\",\"id\":\"2\",\"text\":\"x\"}\n",
		`{"op":"sub","id":"2","sub":"a","topic":"t","from":"-4","key":["k"],"credit":1}`,
		`{"op":"sub","id":"2","sub":"a","topic":["t","u.*"],"to":"latest","overflow":"latest-by-key","credit":0}`,
		`{"op":"sub","sub":"b","topic":["t"],"queue":"q"}` + "\n" + `{"op":"sub","sub":"c","topic":[],"queue":""}`,
		`{"op":"sub","sub":"b","topic":"t","queue":"q","ack":"manual"}` + "\n" + `{"op":"done","id":"3","sub":"b","upto":"r"}`,
		`{"op":"sub","sub":"a","topic":"t"}` + "\n" + `{"op":"unsub","id":"4","sub":"a"}` + "\n" + `{"op":"credit","sub":"a","n":3}`,
		`{"op":"nack","id":"5","sub":"b","receipts":["x"],"delay_ms":3}`, `{"id":"1","id":"2"}`, `[]`, `{`, "\xff", "\n\n",
	} {
		f.Add(seed)
	}
	b := &broker{
		view: func(context.Context, ports.View) (*stream, error) { return newStream(), nil },
		join: func(ports.Join) (*member, error) { return newMember(), nil },
	}
	e, _ := newHandler(f, b, DefaultConfig(), domain.DefaultLimits())
	f.Fuzz(func(t *testing.T, message string) {
		ctx, cancel := context.WithCancelCause(t.Context())
		conn := &recorder{}
		s := newSocket(ctx, e, cancel)
		s.attach(conn)
		s.opened()
		var err error
		if s.dialect, err = openConversation(s, place{}, edge.QueryParams("", e.limits)); err != nil {
			t.Fatal(err)
		}
		s.hear(ctx, true, []byte(message))
		s.dialect.flush(ctx)
		s.end()

		answers, closed := map[string]int{}, false
		for rest := conn.got; len(rest) > 0; {
			size := frameSize(rest)
			frame := rest[:size]
			rest = rest[size:]
			if closed {
				t.Fatalf("after the close came %q", frame)
			}
			if closed = frame[0] == final|opClose; closed {
				continue
			}
			var o struct{ Op, ID string }
			text := frame[2:]
			switch frame[1] {
			case 126:
				text = frame[4:]
			case 127:
				text = frame[10:]
			}
			if err := json.Unmarshal(text, &o); err != nil {
				t.Fatalf("said %q: %v", text, err)
			}
			if o.Op == "ack" || o.Op == "err" {
				answers[o.ID]++
			}
		}
		frames, _ := split([]byte(message), e.limits.FramesPerMessage)
		objects, pubs := true, map[string]int{}
		for _, frame := range frames {
			var o edge.Object
			objects = objects && isObject(frame)
			if o.Parse(frame) == nil && objects {
				op, _ := o.Text("op")
				if id, _ := edge.DecodeID(&o); op == "pub" && id != "" {
					pubs[id]++
				}
			}
		}
		if objects && closed {
			t.Errorf("closed for JSON objects alone: %q", conn.got)
		}
		for id, n := range pubs {
			if answers[id] < n {
				t.Errorf("%d pubs with the id %q were answered %d times", n, id, answers[id])
			}
		}
	})
}

// FuzzMissing cuts a stream of frames at two places, as a write does that goes in parts, and holds that what is told to be missing ends the frame that was begun.
func FuzzMissing(f *testing.F) {
	f.Add(1, 125, 3, 1, 1)
	f.Add(126, 65535, 200, 129, 1)
	f.Add(65536, 0, 70000, 10, 60000)
	f.Add(300, 300, 0, 100, 350)
	f.Fuzz(func(t *testing.T, a, b, head, first, second int) {
		const most = 1 << 17
		if a < 0 || b < 0 || a > most || b > most {
			return
		}
		one := appendFrame(nil, opText, make([]byte, a))
		all := appendFrame(bytes.Clone(one), opBinary, make([]byte, b))
		if head < 4+maxHeader || head > len(one) || first < 0 || second < 0 || first > len(all) || second > len(all)-first {
			return
		}
		frames := [][]byte{all[:head], all[head:len(one)], all[len(one):]} // the first frame lies in two slices, as one with a shared body does
		end := func(n int) int {
			switch {
			case n == 0:
				return 0
			case n <= len(one):
				return len(one)
			}
			return len(all)
		}
		open := missing(frames, 0, first)
		if open != end(first)-first {
			t.Errorf("after %d bytes of frames of %d and %d %d are missing, not %d", first, len(one), len(all)-len(one), open, end(first)-first)
		}
		rest := after(frames, first)
		if sizeOf(rest) != len(all)-first || sizeOf(upTo(rest, open)) != open {
			t.Errorf("after %d bytes of %d are %d left, of which the first %d are %d", first, len(all), sizeOf(rest), open, sizeOf(upTo(rest, open)))
		}
		if got, want := missing(rest, open, second), max(end(first), end(first+second))-first-second; got != want {
			t.Errorf("after %d and %d bytes %d are missing, not %d", first, second, got, want)
		}
	})
}
