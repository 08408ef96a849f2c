package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"culvert/domain"
)

// onOneConnection serves routes over HTTP/2 without TLS, and gives a client all of whose requests share one connection. Answers have timeout for their time, where their handlers set none.
func onOneConnection(t *testing.T, timeout time.Duration, r routes) (url string, client *http.Client) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", DefaultSending(), Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String(), serveHTTP2(t, l, timeout, newServer(t, DefaultConfig(), domain.DefaultLimits(), io.Discard, r))
}

// stream is a request that is answered with what its handler writes as it goes on.
func stream(t *testing.T, client *http.Client, url string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Body.Close() })
	if a.ProtoMajor != 2 {
		t.Fatalf("%s was answered over %s", url, a.Proto)
	}
	return a
}

// A stream whose write deadline passed was reset, also while there was nothing to write: each one that was silent for longer than a client may be stuck.
func TestAStreamOverHTTP2MayBeSilentForLongerThanAClientMayBeStuck(t *testing.T) {
	const timeout = 50 * time.Millisecond
	url, client := onOneConnection(t, timeout, routes{"/own": func(w http.ResponseWriter, _ *http.Request) error {
		control := http.NewResponseController(Inner(w))
		pause := time.NewTicker(4 * timeout)
		defer pause.Stop()
		for range 3 {
			<-pause.C
			if err := errors.Join(control.SetWriteDeadline(time.Now().Add(timeout)), say(w, "word "), control.Flush()); err != nil {
				return err
			}
		}
		<-pause.C
		return nil
	}, "/servers": func(w http.ResponseWriter, _ *http.Request) error {
		<-time.After(4 * timeout)
		return say(w, "word word word ")
	}})
	for _, path := range []string{"/own", "/servers"} {
		if all, err := io.ReadAll(stream(t, client, url+path).Body); string(all) != "word word word " || err != nil {
			t.Errorf("%s: %q, %v", path, all, err)
		}
	}
}

func say(w http.ResponseWriter, words string) error {
	_, err := io.WriteString(Inner(w), words)
	return err
}

// One stream of a connection takes nothing: it alone ends, for that reason; the others of its connection go on all the while.
func TestAStuckStreamOverHTTP2EndsAlone(t *testing.T) {
	ended, wrote := make(chan error, 1), make(chan error, 1)
	url, client := onOneConnection(t, time.Minute, routes{"/stuck": func(w http.ResponseWriter, r *http.Request) error {
		control := http.NewResponseController(Inner(w))
		if err := errors.Join(control.SetWriteDeadline(time.Now().Add(300*time.Millisecond)), control.Flush()); err != nil {
			return err
		}
		_, err := Inner(w).Write(make([]byte, 32<<20))
		wrote <- err
		<-r.Context().Done()
		ended <- context.Cause(r.Context())
		return nil
	}, "/fine": fine})
	stuck := stream(t, client, url+"/stuck")
	for over := false; !over; {
		select {
		case err := <-wrote:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the write ended with %v", err)
			}
			over = true
		default:
			if all, err := io.ReadAll(stream(t, client, url+"/fine").Body); string(all) != "fine" || err != nil {
				t.Fatalf("beside a stuck stream: %q, %v", all, err)
			}
		}
	}
	if cause := <-ended; domain.ByeFor(cause).Reason != domain.ByeSlow {
		t.Errorf("the request ended for %v", cause)
	}
	if _, err := io.Copy(io.Discard, stuck.Body); err == nil || !strings.Contains(err.Error(), "INTERNAL_ERROR") {
		t.Errorf("its client was told %v, want a reset", err)
	}
	if all, err := io.ReadAll(stream(t, client, url+"/fine").Body); string(all) != "fine" || err != nil {
		t.Errorf("after it: %q, %v", all, err)
	}
}

// Who takes something now and then is waited for, however long one write is.
func TestAClientThatReadsSlowlyOverHTTP2GetsAll(t *testing.T) {
	const size, pieces, patience = 24 << 20, 40, 500 * time.Millisecond
	url, client := onOneConnection(t, patience, routes{"/long": func(w http.ResponseWriter, _ *http.Request) error {
		_, err := Inner(w).Write(bytes.Repeat([]byte{'x'}, size))
		return err
	}})
	a := stream(t, client, url+"/long")
	pause := time.NewTicker(patience / 10)
	defer pause.Stop()
	begun := time.Now()
	for range pieces {
		<-pause.C
		if _, err := io.ReadFull(a.Body, make([]byte, size/pieces)); err != nil {
			t.Fatalf("after %s: %v", time.Since(begun), err)
		}
	}
	if n, err := io.Copy(io.Discard, a.Body); err != nil || n != size%pieces {
		t.Errorf("%d bytes more, and %v", n, err)
	}
	if took := time.Since(begun); took < 2*patience {
		t.Errorf("it took %s: the client was not slow", took)
	}
}

// Deadlines of an answer that is over crashed the process: net/http has taken its writer back by then.
func TestDeadlinesOfAnAnswerThatIsOverMeanNothing(t *testing.T) {
	over := make(chan *http.ResponseController, 1)
	url, client := onOneConnection(t, time.Minute, routes{"/fine": func(w http.ResponseWriter, r *http.Request) error {
		over <- http.NewResponseController(w)
		return fine(w, r)
	}})
	if all, err := io.ReadAll(stream(t, client, url+"/fine").Body); string(all) != "fine" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	control := <-over
	for err := error(nil); err == nil; { // until the handler has returned
		err = errors.Join(control.SetWriteDeadline(time.Now().Add(time.Hour)), control.SetReadDeadline(time.Now().Add(time.Hour)))
	}
}

// A handler that was told to end a write by a deadline in the past ends it.
func TestAPastDeadlineEndsAWriteOverHTTP2(t *testing.T) {
	wrote := make(chan error, 1)
	url, client := onOneConnection(t, time.Minute, routes{"/stuck": func(w http.ResponseWriter, _ *http.Request) error {
		control := http.NewResponseController(Inner(w))
		if err := control.Flush(); err != nil {
			return err
		}
		end := time.AfterFunc(100*time.Millisecond, func() { _ = control.SetWriteDeadline(time.Unix(1, 0)) })
		defer end.Stop()
		_, err := Inner(w).Write(make([]byte, 32<<20))
		wrote <- err
		return nil
	}})
	stream(t, client, url+"/stuck")
	select {
	case err := <-wrote:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the write ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the write goes on")
	}
}

// The name that a request over HTTP/2 is addressed to stands in :authority.
func TestHTTP2IsAddressedToAHost(t *testing.T) {
	url, client := onOneConnection(t, time.Minute, routes{"/fine": fine})
	for host, status := range map[string]int{"localhost": http.StatusOK, "evil.example": http.StatusMisdirectedRequest} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/fine", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		a, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != status {
			t.Errorf("%s: %d, want %d", host, a.StatusCode, status)
		}
	}
}

// serveHTTP2 serves on l until the test ends, and gives a client that begins with HTTP/2.
func serveHTTP2(t *testing.T, l net.Listener, timeout time.Duration, s *Server) *http.Client {
	t.Helper()
	h := &http.Server{
		Handler: s.Handler(), ConnContext: ConnContext, ReadHeaderTimeout: time.Minute, WriteTimeout: timeout,
		Protocols: new(http.Protocols), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	h.Protocols.SetHTTP1(true)
	h.Protocols.SetUnencryptedHTTP2(true)
	served := later(func() error { return h.Serve(l) })
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		h.Close()
		<-served
	})
	return &http.Client{Transport: transport}
}

// Where connections are scarce, one of HTTP/2 ends with its last answer, and not while it has streams: its client would open another one for each request.
func TestAScarceConnectionOfHTTP2EndsWithItsLastAnswer(t *testing.T) {
	const most = 8
	l, err := Listen(t.Context(), "127.0.0.1:0", DefaultSending(), NewSockets(most, 4, func() {}))
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	client := serveHTTP2(t, l, time.Minute, newServer(t, DefaultConfig(), domain.DefaultLimits(), io.Discard, routes{"/fine": fine, "/stream": func(w http.ResponseWriter, r *http.Request) error {
		defer close(left)
		Stays(w.Header(), r)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
		<-r.Context().Done()
		return nil
	}}))
	var dialled atomic.Int32
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, to string) (net.Conn, error) {
		dialled.Add(1)
		return new(net.Dialer).DialContext(ctx, network, to)
	}
	for range most - 1 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	url := "http://" + l.Addr().String()
	ask := func() {
		a := stream(t, client, url+"/fine")
		if all, err := io.ReadAll(a.Body); string(all) != "fine" || err != nil {
			t.Fatalf("%q, %v", all, err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	for range 20 {
		ask()
	}
	if n := dialled.Load(); n != 1 {
		t.Errorf("beside a stream there were %d connections", n)
	}
	leave()
	<-left
	for begun := time.Now(); dialled.Load() == 1; ask() {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("a connection without a stream is kept")
		}
	}
}
