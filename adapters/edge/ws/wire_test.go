package ws

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"culvert/domain"
)

// narrow is a recorder that takes room bytes at once, and then nothing until its deadline, as often as it stalls.
type narrow struct {
	recorder
	room, stalls int
}

func (n *narrow) TryWrite(p []byte) (int, error) {
	p = p[:min(n.room, len(p))]
	n.room -= len(p)
	return n.recorder.Write(p)
}

func (n *narrow) Write(p []byte) (int, error) {
	if n.stalls > 0 {
		n.stalls--
		return 0, os.ErrDeadlineExceeded
	}
	return n.recorder.Write(p)
}

// Who does not wait may have begun a frame: nobody writes into it, and it is completed, also where the client takes nothing for too long and reads why.
func TestAFrameThatWasBegunIsCompleted(t *testing.T) {
	one, two, three := appendFrame(nil, opText, []byte("one")), appendFrame(nil, opText, []byte("two, longer")), appendFrame(nil, opText, []byte("three"))
	frames := [][]byte{append(bytes.Clone(one), two...), three}
	for _, c := range []struct {
		name         string
		room, stalls int
		want         []byte
	}{
		{"the client goes on", len(one) + 1, 0, bytes.Join([][]byte{one, two, three, one}, nil)},
		{"it stalls", len(one) + 1, 1, appendClose(bytes.Join([][]byte{one, two}, nil), closeSlow, slowReason)},
		{"it stalls between frames", len(one), 1, appendClose(bytes.Clone(one), closeSlow, slowReason)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lost error
			conn := &narrow{room: c.room, stalls: c.stalls}
			w := newWire(conn, newSocket(t.Context(), &Edge{cfg: quickConfig()}, func(err error) { lost = err }))
			n, err := w.Try(frames)
			if n != c.room || err != nil {
				t.Fatalf("%d bytes were written, %v; want %d", n, err, c.room)
			}
			if n, err := w.Try(frames); n != 0 || err != nil {
				t.Errorf("%d bytes were written in between, %v", n, err)
			}
			said := make(chan error, 1)
			go func() { said <- w.Send(t.Context(), nil, one) }() // its turn comes after the rest
			err = w.Rest(after(frames, n))
			var bye *domain.Bye
			if stalled := errors.As(err, &bye) && bye.Reason == domain.ByeSlow; stalled != (c.stalls > 0) || (lost != nil) != stalled {
				t.Errorf("the rest was written with %v, and told is %v", err, lost)
			}
			if err := <-said; (err != nil) != (c.stalls > 0) {
				t.Errorf("what came after was written with %v", err)
			}
			if !bytes.Equal(conn.got, c.want) {
				t.Errorf("got  %q\nwant %q", conn.got, c.want)
			}
		})
	}
}
