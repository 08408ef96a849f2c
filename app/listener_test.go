package app

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// net/http takes the write deadline of a connection away after each answer: all but the first one waited for their client for ever.
func TestNoAnswerOfAConnectionWaitsForAClientThatTakesNothing(t *testing.T) {
	cfg := OnFreePorts()
	cfg.HTTP.SendBuffer, cfg.HTTP.WriteTimeout = 4<<10, 100*time.Millisecond
	a := start(t, cfg)
	host := strings.TrimPrefix(a.URL(), "http://")
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.(*net.TCPConn).SetReadBuffer(4<<10), c.SetDeadline(time.Now().Add(20*time.Second))); err != nil {
		t.Fatal(err)
	}
	// The bridge reads no further request while it cannot answer one, so in the end writing them gets nowhere, or fails.
	for err == nil {
		_, err = io.WriteString(c, strings.Repeat("GET /v1/topics HTTP/1.1\r\nHost: "+host+"\r\n\r\n", 100))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("an answer waits for its client still")
	}
}
