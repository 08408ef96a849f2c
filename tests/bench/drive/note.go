package drive

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"
)

// A payload begins with #, two bytes for its stream, four for its number in the stream and eight for the time at which it was published, each in hex; the rest is padding.
// Nothing else that a server sends has a # in it: neither cursors nor names nor envelopes.
const (
	noteMark = '#'
	noteSize = 1 + 2*(2+4+8)
)

// MaxStreams is how many streams can be told apart.
const MaxStreams = 1 << 16

// note writes the head of a payload into p, which is at least noteSize long. published is in nanoseconds since the process began to count.
func note(p []byte, stream int, n uint32, published time.Duration) {
	var raw [14]byte
	raw[0], raw[1] = byte(stream>>8), byte(stream)
	raw[2], raw[3], raw[4], raw[5] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	for i := range 8 {
		raw[6+i] = byte(published >> (56 - 8*i))
	}
	p[0] = noteMark
	hex.Encode(p[1:], raw[:])
}

// readNote finds the note in what a viewer was shown. The time is left where it is: not everybody wants it.
func readNote(shown []byte) (stream int, n uint32, published []byte, err error) {
	i := bytes.IndexByte(shown, noteMark)
	if i < 0 || len(shown) < i+noteSize {
		return 0, 0, nil, fmt.Errorf("%.200q was never sent", shown)
	}
	text := shown[i+1 : i+noteSize]
	head, ok := parseHex(text[:12])
	if !ok {
		return 0, 0, nil, fmt.Errorf("%.200q was never sent", shown)
	}
	return int(head >> 32), uint32(head), text[12:], nil
}

// readTime reads the time of a note.
func readTime(published []byte) time.Duration {
	t, _ := parseHex(published)
	return time.Duration(t)
}

// parseHex reads at most sixteen digits.
func parseHex(text []byte) (value uint64, ok bool) {
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		value = value<<4 | uint64(c)
	}
	return value, true
}
