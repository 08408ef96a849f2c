package edge

import "strconv"

// LastChunk ends a body in chunks.
const LastChunk = "0\r\n\r\n"

// Chunk makes one chunk (RFC 9112 §7.1) of what b has from a place on; of nothing it makes none, since that would end the body.
func Chunk(b []byte, from int) []byte {
	n := len(b) - from
	if n == 0 {
		return b
	}
	var room [18]byte
	size := append(strconv.AppendInt(room[:0], int64(n), 16), "\r\n"...)
	b = append(b, size...)
	copy(b[from+len(size):], b[from:from+n])
	copy(b[from:], size)
	return append(b, "\r\n"...)
}
