package ws

import "sync"

// packer appends json frames to bytes: each a WebSocket message of its own, or, for a client that asked for it, many as one message with a line each.
type packer struct {
	lines bool
	open  bool // a message of lines is not ended
	from  int  // where it begins
}

// enough is how many bytes are collected before they are written, or a message of lines ends. One frame may lie beyond that.
const enough = 64 << 10

// add appends the frame that head and body make together.
func (k *packer) add(dst, head, body []byte) []byte {
	dst = k.begin(dst, len(head)+len(body))
	return append(append(dst, head...), body...)
}

// begin appends what comes before a frame of n bytes.
func (k *packer) begin(dst []byte, n int) []byte {
	switch {
	case !k.lines:
		return appendHeader(dst, opText, n)
	case k.open && len(dst)-k.from < enough:
		return append(dst, '\n')
	}
	dst = k.end(dst)
	k.open, k.from = true, len(dst)
	return append(dst, make([]byte, maxHeader)...) // room for the header, whose length is known last
}

// end completes what was appended.
func (k *packer) end(dst []byte) []byte {
	if !k.open {
		return dst
	}
	k.open = false
	message := dst[k.from+maxHeader:]
	header := appendHeader(dst[:k.from], opText, len(message))
	return append(header, message...) // to the left, by what the header is shorter
}

// parcel collects json frames to be written at once. It has memory only from the first add until release: subscriptions wait nearly always, and there are many. Not for concurrent use.
type parcel struct {
	packer
	buffers *sync.Pool // of *[]byte, empty ones
	held    *[]byte    // nil while the parcel is empty
}

func newParcel(lines bool, buffers *sync.Pool) parcel {
	return parcel{packer: packer{lines: lines}, buffers: buffers}
}

// add adds the frame that head and body make together. Neither is kept.
func (p *parcel) add(head, body []byte) {
	if p.held == nil {
		p.held = p.buffers.Get().(*[]byte)
	}
	*p.held = p.packer.add(*p.held, head, body)
}

func (p *parcel) empty() bool { return p.held == nil }

func (p *parcel) full() bool { return p.held != nil && len(*p.held) >= enough }

// frames are the WebSocket frames of what was added, which is something. They are valid until release.
func (p *parcel) frames() []byte {
	*p.held = p.end(*p.held)
	return *p.held
}

// release empties the parcel, and gives its memory back, unless that grew so large that keeping it costs more than making it anew.
func (p *parcel) release() {
	if p.held != nil && cap(*p.held) <= 2*enough {
		*p.held = (*p.held)[:0]
		p.buffers.Put(p.held)
	}
	p.held, p.open = nil, false
}
