package drive

import (
	"bytes"
	"fmt"
)

// viewer is one connection of a crowd.
type viewer struct {
	crowd *Crowd
	fd    int
	first int // the first of the streams that it is shown
	next  []uint32

	phase  phase
	events events
	body   *chunks // nil where the body comes as it is
	rest   []byte  // what has come of a line, a frame or a head that is not complete
}

type phase int

const (
	phaseHead phase = iota
	phaseHello
	phaseReady
)

// events is what has been read of an event.
type events struct{ name string }

// take parses what was read: fresh bytes at the end of p, behind what rest held. It keeps nothing of p.
func (v *viewer) take(p []byte, fresh int) error {
	kept := len(p) - fresh
	if v.phase == phaseHead {
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 {
			v.rest = append(v.rest[:0], p...)
			return nil
		}
		if err := v.head(p[:end+2]); err != nil {
			return err
		}
		p, kept = p[end+4:], 0
	}
	if v.body != nil {
		n, err := v.body.decode(p[kept:])
		if err != nil {
			return err
		}
		p = p[:kept+n]
	}
	parse := v.lines
	if v.crowd.dialect.frames {
		parse = v.frames
	}
	used, err := parse(p)
	v.rest = append(v.rest[:0], p[used:]...)
	return err
}

// head judges the head of the answer.
func (v *viewer) head(head []byte) error {
	want := "HTTP/1.1 200 "
	if v.crowd.dialect.frames {
		want = "HTTP/1.1 101 "
	}
	if !bytes.HasPrefix(head, []byte(want)) {
		return fmt.Errorf("the server answered %.300q", head)
	}
	if bytes.Contains(bytes.ToLower(head), []byte("\r\ntransfer-encoding: chunked\r\n")) {
		v.body = &chunks{}
	}
	v.phase = phaseHello
	d := v.crowd.dialect
	switch {
	case d.hello != nil:
		return write(v.fd, d.hello)
	case d.frames && !d.greeted:
		v.ready()
	}
	return nil
}

func (v *viewer) ready() {
	if v.phase != phaseReady {
		v.phase = phaseReady
		v.crowd.ready++
	}
}

// lines parses whole lines of an event stream, as WHATWG HTML "server-sent events" has it. Each message here has one line of data.
func (v *viewer) lines(p []byte) (used int, err error) {
	for {
		n := bytes.IndexByte(p[used:], '\n')
		if n < 0 {
			return used, nil
		}
		line := p[used : used+n]
		used += n + 1
		switch {
		case n == 0:
			v.events.name = ""
		case line[0] == 'e' && bytes.HasPrefix(line, []byte("event: ")):
			v.events.name = event(line[len("event: "):])
		case line[0] == 'd' && bytes.HasPrefix(line, []byte("data: ")):
			if err := v.data(line[len("data: "):]); err != nil {
				return used, err
			}
		case line[0] == ':':
			v.crowd.heartbeats++
		}
	}
}

// event is the name of a server's own event, without an allocation for those that are known.
func event(name []byte) string {
	switch string(name) {
	case "ready":
		return "ready"
	case "mark":
		return "mark"
	}
	return string(name)
}

func (v *viewer) data(data []byte) error {
	switch v.events.name {
	case "":
		return v.crowd.shown(v, data)
	case "ready":
		v.ready()
	case "mark":
		v.crowd.heartbeats++
	default:
		return fmt.Errorf("a viewer was told %s: %s", v.events.name, data)
	}
	return nil
}

// frames parses whole frames of a WebSocket.
func (v *viewer) frames(p []byte) (used int, err error) {
	for {
		op, payload, size, err := parseFrame(p[used:])
		if err != nil || size == 0 {
			return used, err
		}
		used += size
		if err := v.frame(op, payload); err != nil {
			return used, err
		}
	}
}

func (v *viewer) frame(op byte, payload []byte) error {
	switch op {
	case opText, opBinary:
		return v.message(payload)
	case opPing:
		v.crowd.heartbeats++
		return write(v.fd, appendClient(nil, opPong, payload))
	case opPong:
		return nil
	}
	return fmt.Errorf("a viewer was sent frame %#x: %q", op, payload)
}

// message takes a message: of messages of the broker the note is looked for where they have one, anything else is an answer of the server.
func (v *viewer) message(payload []byte) error {
	if v.crowd.dialect.greeted && v.phase != phaseReady {
		v.ready()
		return nil
	}
	if v.crowd.dialect.hello == nil || bytes.HasPrefix(payload, []byte(`{"op":"msg"`)) {
		return v.crowd.shown(v, payload)
	}
	switch {
	case bytes.Contains(payload, []byte(`"op":"ready"`)):
		v.ready()
	case bytes.Contains(payload, []byte(`"op":"mark"`)):
		v.crowd.heartbeats++
	default:
		return fmt.Errorf("a viewer was sent %s", payload)
	}
	return nil
}
