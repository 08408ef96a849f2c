package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"github.com/gorilla/websocket"
)

// BenchmarkInject is the cost of a message of 100 bytes from the WebSocket into the in-process broker and of its answer, while nobody views the topic: one at a time, and
// 64 under way. The client is in the figures, but hardly: it writes frames that were made before, and reads answers without looking at them.
func BenchmarkInject(b *testing.B) {
	for _, underWay := range []int{1, 64} {
		b.Run(fmt.Sprintf("underway=%d", underWay), func(b *testing.B) { benchmarkInject(b, underWay) })
	}
}

func benchmarkInject(b *testing.B, underWay int) {
	a, err := New(OnFreePorts(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer a.Stop(context.Background())
	url := fmt.Sprintf("ws://%s/v1/topics/orders/ws?mode=inject&confirm=1", a.public.bound.Addr())
	socket, response, err := websocket.DefaultDialer.DialContext(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	response.Body.Close()
	conn := socket.NetConn()
	defer conn.Close()
	// RFC 6455 §5.2: a final text frame, masked with a key of zeros, which leaves the payload as it is.
	frame := append([]byte{0x81, 0x80 | 100, 0, 0, 0, 0}, bytes.Repeat([]byte("x"), 100)...)
	frames := bytes.Repeat(frame, underWay)
	answers := bufio.NewReader(conn)
	b.ReportAllocs()
	for left := b.N; left > 0; left -= underWay {
		n := min(left, underWay)
		if _, err := conn.Write(frames[:n*len(frame)]); err != nil {
			b.Fatal(err)
		}
		for range n {
			header := make([]byte, 2)
			if _, err := io.ReadFull(answers, header); err != nil {
				b.Fatal(err)
			}
			if binary.BigEndian.Uint16(header)>>8 != 0x81 {
				b.Fatalf("frame of %x", header)
			}
			if _, err := answers.Discard(int(header[1])); err != nil {
				b.Fatal(err)
			}
		}
	}
}
