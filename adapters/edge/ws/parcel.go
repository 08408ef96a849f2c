package ws

import "sync"

// parcel collects json frames to be written at once: each a WebSocket message of its own, or, for a client that asked for it,
// all of them one message with a line each. It has memory only from the first add until release: subscriptions wait nearly always, and there are many. Not for concurrent use.
type parcel struct {
	lines   bool
	buffers *sync.Pool // of *[]byte, empty ones
	held    *[]byte    // nil while the parcel is empty
}

// enough is how many bytes a parcel collects before it is written. One frame may lie beyond that.
const enough = 64 << 10

// add adds the frame that head and body make together. Neither is kept.
func (p *parcel) add(head, body []byte) {
	if p.held == nil {
		p.held = p.buffers.Get().(*[]byte)
	}
	buf := *p.held
	switch {
	case !p.lines:
		buf = appendHeader(buf, opText, len(head)+len(body))
	case len(buf) == 0:
		buf = append(buf, make([]byte, maxHeader)...) // room for the header, whose length is known last
	default:
		buf = append(buf, '\n')
	}
	buf = append(buf, head...)
	*p.held = append(buf, body...)
}

func (p *parcel) empty() bool { return p.held == nil }

func (p *parcel) full() bool { return p.held != nil && len(*p.held) >= enough }

// frames are the WebSocket frames of what was added, which is something. They are valid until release.
func (p *parcel) frames() []byte {
	buf := *p.held
	if !p.lines {
		return buf
	}
	var header [maxHeader]byte
	h := appendHeader(header[:0], opText, len(buf)-maxHeader)
	buf = buf[maxHeader-len(h):]
	copy(buf, h)
	return buf
}

// release empties the parcel, and gives its memory back, unless that grew so large that keeping it costs more than making it anew.
func (p *parcel) release() {
	if p.held != nil && cap(*p.held) <= 2*enough {
		*p.held = (*p.held)[:0]
		p.buffers.Put(p.held)
	}
	p.held = nil
}
