package ws

import (
	"encoding/binary"
	"unicode/utf8"

	"culvert/adapters/edge"
)

// Opcodes and bits of RFC 6455 §5.2, and the close codes of §7.4.1 that PROTOCOL §4 has "as usual".
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	final    = 0x80

	closeNoStatus    = 1005
	closeInvalidText = 1007
	closeTooLarge    = 1009

	closeSlow  = edge.CloseGap
	slowReason = "slow: the client took nothing of what was written to it"

	maxHeader = 10 // of a frame without a mask, as servers send them
)

// appendHeader appends the header of an unfragmented frame without a mask that carries n bytes.
func appendHeader(dst []byte, op byte, n int) []byte {
	dst = append(dst, final|op)
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// appendFrame appends one whole frame.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	return append(appendHeader(dst, op, len(payload)), payload...)
}

// appendPayload appends one whole frame: text where payload is UTF-8, else binary.
func appendPayload(dst, payload []byte) []byte {
	if utf8.Valid(payload) {
		return appendFrame(dst, opText, payload)
	}
	return appendFrame(dst, opBinary, payload)
}

// appendClose appends a close frame. The reason fits: see edge.CloseReason. An answer to a close without a status has none either.
func appendClose(dst []byte, code int, reason string) []byte {
	if code == closeNoStatus {
		return appendHeader(dst, opClose, 0)
	}
	dst = appendHeader(dst, opClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// missing is how many bytes after the first n complete the frame that those end in. frames begin with open bytes that a frame lacks which was begun before, and with whole ones else; a slice may end
// within a frame, but not within its header.
func missing(frames [][]byte, open, n int) int {
	end := open
	for _, f := range frames {
		for end < min(n, len(f)) {
			end += frameSize(f[end:])
		}
		if n <= len(f) {
			break
		}
		end, n = end-len(f), n-len(f)
	}
	return end - n
}

func sizeOf(slices [][]byte) (n int) {
	for _, s := range slices {
		n += len(s)
	}
	return n
}

// after is what slices have after the first n bytes.
func after(slices [][]byte, n int) (rest [][]byte) {
	for _, s := range slices {
		if n < len(s) {
			rest = append(rest, s[n:])
		}
		n = max(0, n-len(s))
	}
	return rest
}

// upTo is the first n bytes of slices.
func upTo(slices [][]byte, n int) (first [][]byte) {
	for _, s := range slices {
		if n == 0 {
			break
		}
		s = s[:min(n, len(s))]
		first, n = append(first, s), n-len(s)
	}
	return first
}

func frameSize(frame []byte) int {
	switch n := frame[1]; n {
	case 126:
		return 4 + int(binary.BigEndian.Uint16(frame[2:]))
	case 127:
		return 10 + int(binary.BigEndian.Uint64(frame[2:]))
	default:
		return 2 + int(n)
	}
}
