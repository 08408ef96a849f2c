package edge

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"culvert/domain"
)

// talk says something to s over a connection of its own, and gives the answer and what the server says after it until it hangs up.
func talk(t *testing.T, s *Server, says string) (answer *http.Response, rest string) {
	t.Helper()
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(listener.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Far more than it takes, and far less than for ever.
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, says); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	method, _, _ := strings.Cut(says, " ")
	if answer, err = http.ReadResponse(r, &http.Request{Method: method}); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("the connection stays: %v", err)
	}
	return answer, string(text)
}

// Refusals waited for bodies that never came, for as long as the connection lived, and so did the goroutine behind each.
func TestARefusalDoesNotWaitForABody(t *testing.T) {
	for name, c := range map[string]struct {
		says   string
		status int
	}{
		"no such route":       {"POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhi", 404},
		"no such method":      {"PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 405},
		"a foreign host":      {"POST /x HTTP/1.1\r\nHost: evil.example\r\nTransfer-Encoding: chunked\r\n\r\n", 421},
		"a preflight":         {"OPTIONS /x HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: POST\r\nContent-Length: 9\r\n\r\n", 204},
		"a GET with a body":   {"GET /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 400},
		"a HEAD with a body":  {"HEAD /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 400},
		"a body that breaks":  {"POST /none HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"more than is waited": {"POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.Origins = []string{"https://app.example"}
			s := newServer(t, cfg, domain.DefaultLimits(), io.Discard, routes{"/x": fine})
			answer, rest := talk(t, s, c.says)
			if answer.StatusCode != c.status || !answer.Close {
				t.Errorf("%d, and hangs up: %t", answer.StatusCode, answer.Close)
			}
			if rest != "" {
				t.Errorf("after the answer came %q", rest)
			}
		})
	}
}

// A body that has come is taken off the connection, which goes on.
func TestAConnectionOutlivesARefusal(t *testing.T) {
	s := newServer(t, DefaultConfig(), domain.DefaultLimits(), io.Discard, routes{"/x": fine})
	listener := httptest.NewServer(s.Handler())
	t.Cleanup(listener.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, c := range []struct {
		says   string
		status int
	}{
		{"POST /none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi", 404},
		{"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 405},
		{"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 200},
	} {
		if _, err := io.WriteString(conn, c.says); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%q: %v", c.says, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != c.status || answer.Close {
			t.Errorf("%q: %d, hangs up: %t, %v", c.says, answer.StatusCode, answer.Close, err)
		}
	}
}
