package slow

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"culvert/tests/bridge"
)

// idler is a client that reads the beginning of a stream, and nothing more.
type idler struct {
	overflow string
	events   bool // it is an event stream
	socket   bool // it is a WebSocket
	conn     net.Conn
	lines    *bufio.Reader // of its stream
}

// crowd opens idlers on a topic, of every kind and with every overflow in turn, and returns when their streams stand. They leave with the test.
func crowd(ctx context.Context, t *testing.T, b *bridge.Bridge, topic string, many int) []*idler {
	t.Helper()
	all := make([]*idler, many)
	opening, ctx := errgroup.WithContext(ctx)
	opening.SetLimit(50)
	for i := range all {
		opening.Go(func() (err error) {
			all[i], err = openIdler(ctx, b, topic, i)
			return err
		})
	}
	t.Cleanup(func() {
		for _, one := range all {
			if one != nil {
				one.conn.Close()
			}
		}
	})
	if err := opening.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

func openIdler(ctx context.Context, b *bridge.Bridge, topic string, i int) (*idler, error) {
	host := strings.TrimPrefix(b.URL, "http://")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	one := &idler{overflow: []string{"resume", "drop", "disconnect"}[i/3%3], conn: conn}
	path, head := "/events?overflow="+one.overflow, "Accept: text/event-stream"
	begun, status := "data: {", http.StatusOK
	switch i % 3 {
	case 0:
		one.events = true
	case 1:
		head, begun = "Accept: application/x-ndjson", `{"op":"ready"`
	default:
		one.socket = true
		path, begun, status = "/ws?mode=view&overflow="+one.overflow, "", http.StatusSwitchingProtocols
		head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	}
	if _, err := fmt.Fprintf(conn, "GET /v1/topics/%s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", topic, path, host, head); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != status {
		return nil, fmt.Errorf("an idler was answered %s", answer.Status)
	}
	one.lines = bufio.NewReaderSize(answer.Body, 1<<10)
	for line := ""; !strings.HasPrefix(line, begun); {
		if line, err = one.lines.ReadString('\n'); err != nil {
			return nil, err
		}
	}
	return one, nil
}

// wakes reads on, up to the first event that is no message, and gives its name and data.
func (o *idler) wakes() (name, data string, err error) {
	if err := o.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", "", err
	}
	for {
		line, err := o.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		if name != "" && strings.HasPrefix(line, "data: ") {
			return name, line, nil
		}
		if event, ok := strings.CutPrefix(line, "event: "); ok {
			name = strings.TrimSpace(event)
		}
	}
}
