package ws

// parcel collects json frames to be written at once: each a WebSocket message of its own, or, for a client that asked for it,
// all of them one message with a line each. Not for concurrent use.
type parcel struct {
	lines bool
	buf   []byte
}

// enough is how many bytes a parcel collects before it is written. One frame may lie beyond that.
const enough = 64 << 10

// add adds the frame that head and body make together. Neither is kept.
func (p *parcel) add(head, body []byte) {
	switch {
	case !p.lines:
		p.buf = appendHeader(p.buf, opText, len(head)+len(body))
	case len(p.buf) == 0:
		p.buf = append(p.buf, make([]byte, maxHeader)...) // room for the header, whose length is known last
	default:
		p.buf = append(p.buf, '\n')
	}
	p.buf = append(p.buf, head...)
	p.buf = append(p.buf, body...)
}

func (p *parcel) empty() bool { return len(p.buf) == 0 }

func (p *parcel) full() bool { return len(p.buf) >= enough }

// take gives the WebSocket frames of what was added, valid until the next add, and empties the parcel.
func (p *parcel) take() []byte {
	buf := p.buf
	p.buf = buf[:0]
	if !p.lines || len(buf) == 0 {
		return buf
	}
	var header [maxHeader]byte
	h := appendHeader(header[:0], opText, len(buf)-maxHeader)
	buf = buf[maxHeader-len(h):]
	copy(buf, h)
	return buf
}
