package drive

import (
	"fmt"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
)

// seated is a viewer without a connection, of an audience of one.
func seated(d Dialect) *viewer {
	c := &Crowd{dialect: d, audience: 1, latency: &Histogram{}}
	return &viewer{crowd: c, next: make([]uint32, 2)}
}

// feed lets the viewer read what a server sends, in pieces.
func (v *viewer) feed(text []byte, size int) error {
	for part := range pieces(text, size) {
		if err := v.take(append(slices.Clone(v.rest), part...), len(part)); err != nil {
			return err
		}
	}
	return nil
}

func message(stream int, n uint32) []byte {
	p := padding(noteSize + 7)
	note(p, stream, n, now())
	return p
}

// What servers send, in each dialect.
var dialects = map[string]struct {
	dialect Dialect
	head    string
	frame   func(to, payload []byte) []byte
	between string // what is no message
}{
	"SSE":      {SSE("/"), "HTTP/1.1 200 OK\r\n\r\nevent: ready\ndata: {}\n\n", Event(12), ":\n\nevent: mark\nid: 5\ndata: {}\n\n"},
	"frames":   {WebSocket("/", ""), "HTTP/1.1 101 Switching Protocols\r\n\r\n", Text(0), "\x8a\x00"},
	"greeted":  {Greeting("/"), "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello", Text(0), ""},
	"long":     {WebSocket("/", ""), "HTTP/1.1 101 Switching Protocols\r\n\r\n", Text(300), ""},
	"envelope": {Dialect{frames: true}, "HTTP/1.1 101 Switching Protocols\r\n\r\n", Text(40), ""},
}

// Whatever pieces the bytes come in, each message is counted.
func TestAViewerReadsInPieces(t *testing.T) {
	for name, d := range dialects {
		for _, size := range []int{1, 2, 3, 7, 64, 1000, 1 << 20} {
			v := seated(d.dialect)
			text := []byte(d.head)
			for n := range uint32(50) {
				text = d.frame(text, message(int(n)%2, n/2))
				text = append(text, d.between...)
			}
			if err := v.feed(text, size); err != nil {
				t.Errorf("%s, %d bytes at a time: %v", name, size, err)
			}
			if got := v.crowd; got.deliveries != 50 || got.over != 50 || got.ready != 1 || got.latency.Total() != 50 || len(v.rest) != 0 {
				t.Errorf("%s, %d bytes at a time: %d messages, %d over, %d ready, %d timed, %q left", name, size, got.deliveries, got.over, got.ready, got.latency.Total(), v.rest)
			}
		}
	}
}

func TestAViewerReadsChunks(t *testing.T) {
	for size := range 200 {
		var text strings.Builder
		text.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		w := httputil.NewChunkedWriter(&text)
		fmt.Fprint(w, "event: ready\ndata: {}\n\n")
		for n := range uint32(20) {
			w.Write(Event(n2(n))(nil, message(0, n)))
		}
		v := seated(SSE("/"))
		if err := v.feed([]byte(text.String()), size+1); err != nil || v.crowd.deliveries != 20 || v.crowd.ready != 1 {
			t.Fatalf("%d bytes at a time: %d messages, %v", size+1, v.crowd.deliveries, err)
		}
	}
}

func n2(n uint32) int { return int(n * n) }

// A fast wrong answer is a failure.
func TestWrongDeliveriesAreNoticed(t *testing.T) {
	for wrong, numbers := range map[string][]uint32{
		"lost":       {0, 1, 3},
		"doubled":    {0, 1, 1},
		"swapped":    {0, 2, 1},
		"from later": {1},
	} {
		for name, d := range dialects {
			v := seated(d.dialect)
			text := []byte(d.head)
			for _, n := range numbers {
				text = d.frame(text, message(1, n))
			}
			if err := v.feed(text, 1<<20); err == nil {
				t.Errorf("%s: nobody noticed what was %s", name, wrong)
			}
		}
	}
}

func TestWhatIsNoMessageIsNoticed(t *testing.T) {
	for name, text := range map[string]string{
		"a message of nobody's":         "HTTP/1.1 200 OK\r\n\r\ndata: hello\n\n",
		"half a note":                   "HTTP/1.1 200 OK\r\n\r\ndata: #0000\n\n",
		"a note that is none":           "HTTP/1.1 200 OK\r\n\r\ndata: #" + strings.Repeat("z", 40) + "\n\n",
		"a message of another's stream": "HTTP/1.1 200 OK\r\n\r\ndata: " + string(message(2, 0)) + "\n\n",
		"a gap":                         "HTTP/1.1 200 OK\r\n\r\nevent: gap\ndata: {}\n\n",
		"a parting":                     "HTTP/1.1 200 OK\r\n\r\nevent: bye\ndata: {}\n\n",
		"a refusal":                     "HTTP/1.1 503 Service Unavailable\r\n\r\n",
	} {
		if err := seated(SSE("/")).feed([]byte(text), 1<<20); err == nil {
			t.Errorf("nobody noticed %s", name)
		}
	}
	for name, text := range map[string]string{
		"a close":                "\x88\x02\x03\xe8",
		"a masked frame":         "\x81\x81\x00\x00\x00\x00x",
		"a frame in pieces":      "\x01\x01x",
		"one that is too large":  "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"a message of nobody's.": "\x81\x05hello",
	} {
		if err := seated(WebSocket("/", "")).feed([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"+text), 1<<20); err == nil {
			t.Errorf("nobody noticed %s", name)
		}
	}
}

// Nothing that a server sends makes a viewer panic.
func FuzzViewer(f *testing.F) {
	for _, d := range dialects {
		f.Add(append(d.frame([]byte(d.head), message(0, 0)), d.between...), uint8(5), d.dialect.frames)
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n:\n\n\r\n"), uint8(1), false)
	f.Fuzz(func(t *testing.T, text []byte, size uint8, frames bool) {
		v := seated(Dialect{frames: frames})
		v.fd = -1 // nobody to answer a ping
		if v.feed(text, int(size)) == nil && len(v.rest) > len(text) {
			t.Errorf("%d bytes are left of %d", len(v.rest), len(text))
		}
	})
}

// The message is over when all have been shown it, in whatever order they are.
func TestAMessageIsOverWhenAllHaveIt(t *testing.T) {
	c := &Crowd{audience: 3, halves: [][]uint32{make([]uint32, most)}}
	viewers := []*viewer{{crowd: c, next: []uint32{0}}, {crowd: c, next: []uint32{0}}, {crowd: c, next: []uint32{0}}}
	show := func(v int, n uint32, over int) {
		t.Helper()
		if err := c.shown(viewers[v], message(0, n)); err != nil {
			t.Fatal(err)
		}
		if c.over != over {
			t.Errorf("%d messages are over, not %d", c.over, over)
		}
	}
	show(0, 0, 0)
	show(0, 1, 0)
	show(1, 0, 0)
	show(2, 0, 1)
	show(2, 1, 1)
	show(1, 1, 2)
}
