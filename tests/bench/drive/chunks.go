package drive

import "errors"

// chunks takes the chunked coding off an answer's body (RFC 9112 §7.1), piece by piece. Extensions and trailers are not known: no server here sends them.
type chunks struct {
	state chunkState
	left  uint64 // bytes of the chunk that are still to come; its size, while that is read
}

type chunkState int

const (
	chunkSize chunkState = iota
	chunkSizeEnd
	chunkData
	chunkDataCR
	chunkDataEnd
)

var (
	errChunks = errors.New("the body is not what its chunked coding says")
	errEnd    = errors.New("the stream has ended")
)

// decode puts the data of what is next to come of the body at its beginning, and says how much that is.
func (c *chunks) decode(p []byte) (n int, err error) {
	for i := 0; i < len(p); {
		if c.state == chunkData {
			part := int(min(c.left, uint64(len(p)-i)))
			n += copy(p[n:], p[i:i+part])
			i += part
			if c.left -= uint64(part); c.left == 0 {
				c.state = chunkDataCR
			}
			continue
		}
		if err := c.step(p[i]); err != nil {
			return n, err
		}
		i++
	}
	return n, nil
}

// step takes a byte of what lies between the data.
func (c *chunks) step(b byte) error {
	const most = 1 << 32 // a chunk that is larger is none
	digit, hexadecimal := parseHex([]byte{lower(b)})
	switch {
	case c.state == chunkSize && hexadecimal && c.left < most:
		c.left = c.left<<4 | digit
	case c.state == chunkSize && b == '\r':
		c.state = chunkSizeEnd
	case c.state == chunkSizeEnd && b == '\n':
		if c.state = chunkData; c.left == 0 {
			return errEnd
		}
	case c.state == chunkDataCR && b == '\r':
		c.state = chunkDataEnd
	case c.state == chunkDataEnd && b == '\n':
		c.state = chunkSize
	default:
		return errChunks
	}
	return nil
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'F' {
		b += 'a' - 'A'
	}
	return b
}
