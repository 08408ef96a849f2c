package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// eventReader reads an event stream as browsers do (WHATWG HTML §9.2.6): an event counts when its blank line has arrived, and its id counts no sooner.
type eventReader struct {
	line    []byte
	lines   int
	cr      bool // the line end before was a CR, to which an LF may belong
	kind    string
	data    []byte
	id      string
	idGiven bool
}

func (r *eventReader) read(b byte) (shown, bool, error) {
	second := r.cr && b == '\n'
	r.cr = b == '\r'
	switch {
	case second:
		return shown{}, false, nil
	case b != '\r' && b != '\n':
		r.line = append(r.line, b)
		return shown{}, false, nil
	}
	line := string(r.line)
	r.line = r.line[:0]
	if r.lines++; r.lines == 1 {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	if line == "" {
		s, complete := r.dispatch()
		return s, complete, nil
	}
	r.field(line)
	return shown{}, false, nil
}

func (r *eventReader) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "event":
		r.kind = value
	case "data":
		r.data = append(append(r.data, value...), '\n')
	case "id":
		if !strings.Contains(value, "\x00") {
			r.id, r.idGiven = value, true
		}
	}
}

// dispatch ends a block. One without data shows nothing, but its id counts all the same.
func (r *eventReader) dispatch() (s shown, complete bool) {
	s = shown{kind: "message"}
	if r.kind != "" {
		s.kind = r.kind
	}
	if r.idGiven {
		s.place = r.id
	}
	data := r.data
	r.kind, r.data, r.idGiven = "", nil, false
	if len(data) == 0 {
		s.kind = "mark" // which shows nothing either
		return s, s.place != ""
	}
	s.text = string(data[:len(data)-1])
	return s, true
}

// lineReader reads NDJSON: a line counts when its end has arrived.
type lineReader struct{ line []byte }

func (r *lineReader) read(b byte) (shown, bool, error) {
	if b != '\n' {
		r.line = append(r.line, b)
		return shown{}, false, nil
	}
	s, err := frameShown(r.line)
	r.line = r.line[:0]
	return s, true, err
}

// frameReader reads what a WebSocket server sends (RFC 6455 §5.2): a message counts when the last byte of its last frame has arrived.
type frameReader struct {
	frame   []byte
	message []byte // the frames before this one
}

func (r *frameReader) read(b byte) (shown, bool, error) {
	r.frame = append(r.frame, b)
	payload, ok := r.payload()
	if !ok {
		return shown{}, false, nil
	}
	first := r.frame[0]
	r.frame = nil
	const final, reserved, opcode, control, closing = 0x80, 0x70, 0x0f, 0x08, 8
	switch {
	case first&reserved != 0:
		return shown{}, false, fmt.Errorf("a frame begins with %#x, which nobody agreed upon", first)
	case first&opcode == closing:
		return shown{}, false, fmt.Errorf("the server closed the socket: %q", payload)
	case first&control != 0:
		return shown{}, false, nil
	}
	if r.message = append(r.message, payload...); first&final == 0 {
		return shown{}, false, nil
	}
	s, err := frameShown(r.message)
	r.message = nil
	return s, true, err
}

// payload is that of the frame, when it is complete.
func (r *frameReader) payload() ([]byte, bool) {
	if len(r.frame) < 2 {
		return nil, false
	}
	head, size := 2, uint64(r.frame[1]) // a server masks nothing
	switch {
	case size == 126 && len(r.frame) >= 4:
		head, size = 4, uint64(binary.BigEndian.Uint16(r.frame[2:]))
	case size == 127 && len(r.frame) >= 10:
		head, size = 10, binary.BigEndian.Uint64(r.frame[2:])
	case size >= 126:
		return nil, false
	}
	if uint64(len(r.frame)) < uint64(head)+size {
		return nil, false
	}
	return r.frame[head:], true
}

// frameShown is what a JSON frame shows.
func frameShown(frame []byte) (shown, error) {
	var f struct{ Op, Cursor string }
	if err := json.Unmarshal(frame, &f); err != nil {
		return shown{}, fmt.Errorf("%q: %w", frame, err)
	}
	if f.Op == "err" {
		return shown{}, errors.New(string(frame))
	}
	return shown{kind: f.Op, text: string(frame), place: f.Cursor}, nil
}

// What a cut client takes for an event decides what it loses, so its readers are judged by the standards' own examples.
func TestWhatCountsAsReceived(t *testing.T) {
	for name, c := range map[string]struct {
		reader reader
		stream string
		events []shown
	}{
		"events": {
			&eventReader{}, "\ufeff: test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
			[]shown{{"message", "first event", "1"}, {"message", "second event", ""}, {"message", " third event", ""}},
		},
		"empty data":           {&eventReader{}, "data\n\ndata\ndata\n\ndata:", []shown{{"message", "", ""}, {"message", "\n", ""}}},
		"all line ends":        {&eventReader{}, "event: a\rdata: x\r\ndata: y\n\r\ndata: z\r\r", []shown{{"a", "x\ny", ""}, {"message", "z", ""}}},
		"an id alone":          {&eventReader{}, "id: 7\n\n", []shown{{"mark", "", "7"}}},
		"an event in progress": {&eventReader{}, "id: 7\ndata: x\n", nil},
		"lines":                {&lineReader{}, `{"op":"msg","text":"x","cursor":"c"}` + "\n" + `{"op":"ma`, []shown{{"msg", `{"op":"msg","text":"x","cursor":"c"}`, "c"}}},
		"frames": {
			&frameReader{}, "\x01\x05{\"op\"\x89\x02hi\x80\x08:\"mark\"}\x81\x7e\x00\x0c{\"op\":\"m\"}  \x81\x0d{\"op\":",
			[]shown{{"mark", `{"op":"mark"}`, ""}, {"m", `{"op":"m"}  `, ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []shown
			for _, b := range []byte(c.stream) {
				s, complete, err := c.reader.read(b)
				if err != nil {
					t.Fatal(err)
				}
				if complete {
					got = append(got, s)
				}
			}
			if !slices.Equal(got, c.events) {
				t.Errorf("got %q, want %q", got, c.events)
			}
		})
	}
}
