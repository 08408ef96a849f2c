package drive

import (
	"bytes"
	"testing"
)

// What a client sends is what RFC 6455 §5.3 unmasks to it.
func FuzzFrame(f *testing.F) {
	for _, size := range []int{0, 1, 125, 126, 65535, 65536} {
		f.Add(bytes.Repeat([]byte("p"), size))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		client := appendFrame(nil, payload)
		if client[1]&wsMasked == 0 {
			t.Fatal("it is not masked")
		}
		server := bytes.Clone(client)
		server[1] &^= wsMasked
		mask := len(client) - len(payload) - 4
		server = append(server[:mask], server[mask+4:]...)
		for i := range payload {
			server[mask+i] ^= wsMask[i%4]
		}
		op, got, size, err := parseFrame(server)
		if err != nil || op != opText || size != len(server) || !bytes.Equal(got, payload) {
			t.Errorf("frame %#x of %d bytes in %d, %v", op, len(got), size, err)
		}
		for part := range min(len(server), 100) {
			if _, _, size, err := parseFrame(server[:part]); size != 0 || err != nil {
				t.Errorf("%d bytes of it are a frame of %d, %v", part, size, err)
			}
		}
	})
}

// The frames of limits are as long as they are asked to be.
func TestFramesOfASize(t *testing.T) {
	payload := message(0, 0)
	for extra := range 400 {
		event := Event(extra)(nil, payload)
		if want := len(payload) + EventOverhead + extra; len(event) != want {
			t.Errorf("an event has %d bytes, not %d", len(event), want)
		}
		frame := Text(extra)(nil, payload)
		if want := len(payload) + extra + TextOverhead(len(frame)); len(frame) != want {
			t.Errorf("a frame has %d bytes, not %d", len(frame), want)
		}
	}
}
