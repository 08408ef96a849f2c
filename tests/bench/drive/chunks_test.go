package drive

import (
	"bytes"
	"errors"
	"io"
	"net/http/httputil"
	"testing"
)

// Whatever pieces a body comes in, it is what the standard library reads.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("data: one\n\nid: 2\ndata: two\n\n"), uint8(3), uint8(7))
	f.Add([]byte("x"), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, body []byte, chunk, piece uint8) {
		var coded bytes.Buffer
		w := httputil.NewChunkedWriter(&coded)
		for part := range pieces(body, int(chunk)) {
			w.Write(part)
		}
		want, err := io.ReadAll(httputil.NewChunkedReader(io.MultiReader(bytes.NewReader(coded.Bytes()), bytes.NewReader([]byte("0\r\n\r\n")))))
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		var c chunks
		for part := range pieces(coded.Bytes(), int(piece)) {
			n, err := c.decode(part)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, part[:n]...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q was read as %q", want, got)
		}
		if _, err := c.decode([]byte("0\r\n\r\n")); !errors.Is(err, errEnd) {
			t.Errorf("the end is %v", err)
		}
	})
}

// Nothing makes it panic, or give more than it was given.
func FuzzWrongChunks(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"))
	f.Add([]byte("ffffffffffffffffff\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var c chunks
		if n, _ := c.decode(bytes.Clone(body)); n > len(body) {
			t.Errorf("%d bytes of %d", n, len(body))
		}
	})
}

// pieces are those of p of a size, each a copy. Size 0 is 1.
func pieces(p []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(p) > 0 {
			n := min(max(size, 1), len(p))
			if !yield(bytes.Clone(p[:n])) {
				return
			}
			p = p[n:]
		}
	}
}
