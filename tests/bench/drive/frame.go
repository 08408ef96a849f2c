package drive

import (
	"encoding/binary"
	"errors"
)

// What frames of a WebSocket begin with (RFC 6455 §5.2).
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
	wsFinal  = 0x80
	wsMasked = 0x80
)

// wsMask is any client's here. It is not zero: servers must unmask.
var wsMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame appends a client's text message, which is masked.
func appendFrame(to, payload []byte) []byte { return appendClient(to, opText, payload) }

func appendClient(to []byte, op byte, payload []byte) []byte {
	to = append(to, wsFinal|op)
	switch n := len(payload); {
	case n < 126:
		to = append(to, wsMasked|byte(n))
	case n < 1<<16:
		to = binary.BigEndian.AppendUint16(append(to, wsMasked|126), uint16(n))
	default:
		to = binary.BigEndian.AppendUint64(append(to, wsMasked|127), uint64(n))
	}
	to = append(to, wsMask[:]...)
	for i, b := range payload {
		to = append(to, b^wsMask[i&3])
	}
	return to
}

var errFrame = errors.New("that is no frame of a server here")

// parseFrame takes the frame of a server at the beginning of p. size is 0 where more of it must come first. Here a message is one frame.
func parseFrame(p []byte) (op byte, payload []byte, size int, err error) {
	if len(p) < 2 {
		return 0, nil, 0, nil
	}
	if p[0]&0xf0 != wsFinal || p[1]&wsMasked != 0 {
		return 0, nil, 0, errFrame
	}
	head, length := 2, uint64(p[1])
	switch {
	case length == 126 && len(p) >= 4:
		head, length = 4, uint64(binary.BigEndian.Uint16(p[2:]))
	case length == 127 && len(p) >= 10:
		head, length = 10, binary.BigEndian.Uint64(p[2:])
	case length >= 126:
		return 0, nil, 0, nil
	}
	if length > 1<<30 {
		return 0, nil, 0, errFrame
	}
	if size = head + int(length); len(p) < size {
		return 0, nil, 0, nil
	}
	return p[0] & 0xf, p[head:size], size, nil
}
