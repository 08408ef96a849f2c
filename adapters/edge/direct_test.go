package edge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// taken is what a handler gives that has taken a connection over: the connection, and what gone was called with.
type taken struct {
	direct *Direct
	gone   chan error
}

// takingOver serves on a Listen, and takes over the connection of each request to answer it with the body "hello ".
func takingOver(t *testing.T) (address string, each chan taken) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", DefaultSending(), Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	each = make(chan taken, 10)
	h := &http.Server{ReadHeaderTimeout: time.Minute, ConnContext: ConnContext, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gone := make(chan error, 2)
		d := new(Direct)
		if !d.TakeOver(w, r, time.Minute, func(cause error) { gone <- cause }) {
			t.Error("the connection was not taken over")
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "6")
		if err := d.Open(w.Header(), d.frame("hello ")); err != nil {
			t.Error(err)
		}
		each <- taken{d, gone}
	})}
	served := make(chan struct{})
	go func() { // ends with the server
		_ = h.Serve(l)
		close(served)
	}()
	t.Cleanup(func() {
		h.Close()
		<-served
	})
	return l.Addr().String(), each
}

// frame is text as a part of d's body.
func (d *Direct) frame(text string) []byte {
	if d.Chunked {
		return Chunk([]byte(text), 0)
	}
	return []byte(text)
}

// dialAndSay sends text on a connection of its own.
func dialAndSay(t *testing.T, address, text string) *net.TCPConn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func TestAnAnswerThatHasItsConnectionForItself(t *testing.T) {
	for version, request := range map[string]string{
		"HTTP/1.1": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/1.0": "GET / HTTP/1.0\r\n\r\n",
	} {
		address, each := takingOver(t)
		c := dialAndSay(t, address, request)
		one := <-each
		if n, err := one.direct.Try([][]byte{one.direct.frame("wor"), one.direct.frame("ld")}); n < 5 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		last := [][]byte{one.direct.frame("!")}
		if one.direct.Chunked {
			last = append(last, []byte(LastChunk))
		}
		if err := one.direct.Finish(last); err != nil {
			t.Error(err)
		}
		one.direct.Close()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "hello world!" {
			t.Errorf("the body is %q, %v", body, err)
		}
		if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil || resp.StatusCode != http.StatusOK || resp.Proto != version || !resp.Close || resp.ContentLength != -1 || (resp.TransferEncoding != nil) != one.direct.Chunked || resp.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: %+v, %v", version, resp, err)
		}
		if err := <-one.gone; err != nil {
			t.Errorf("closed for %v", err)
		}
	}
}

func TestWhoeverSharesAConnectionKeepsIt(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if new(Direct).TakeOver(w, r, time.Minute, func(error) {}) {
			t.Error("a connection was taken over that Listen did not accept")
		}
		_, _ = io.WriteString(w, "all as before")
	}))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "all as before" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestTheEndOfAClientIsNoticedAtOnce(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn) error{
		"closed":      (*net.TCPConn).Close,
		"half closed": (*net.TCPConn).CloseWrite,
		"reset":       func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
		"talkative": func(c *net.TCPConn) error {
			_, err := io.WriteString(c, strings.Repeat("x", mostUnasked))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			address, each := takingOver(t)
			// What a client says besides its request is not answered, and no reason to part.
			c := dialAndSay(t, address, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /again HTTP/1.1\r\nHost: a\r\n\r\n")
			one := <-each
			if n, err := one.direct.Try([][]byte{[]byte("more")}); n != 4 || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			select {
			case err := <-one.gone:
				t.Errorf("gone with %v before it has left", err)
			default:
			}
			if err := leave(c); err != nil {
				t.Error(err)
			}
			if err := <-one.gone; err != nil {
				t.Errorf("gone with %v", err)
			}
			if _, err := one.direct.Try([][]byte{[]byte("x")}); err == nil {
				t.Error("something could be written afterwards")
			}
		})
	}
}

func TestACutEndsAWriteUnderWay(t *testing.T) {
	address, each := takingOver(t)
	dialAndSay(t, address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	one := <-each
	full := [][]byte{make([]byte, 64<<20)} // more than the systems of both sides hold
	n, err := one.direct.Try(full)
	if err != nil || n >= len(full[0]) {
		t.Fatalf("%d bytes were taken, %v", n, err)
	}
	finished := make(chan error)
	go func() { finished <- one.direct.Finish([][]byte{full[0][n:]}) }() // ends with the cut
	one.direct.Cut()
	if err := <-finished; err == nil {
		t.Error("all was written to a client that reads nothing")
	}
	<-one.gone
}

func TestTryingAllocatesNothing(t *testing.T) {
	address, each := takingOver(t)
	c := dialAndSay(t, address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	one := <-each
	read := make(chan struct{})
	go func() { // ends with the connection
		buf := make([]byte, 64<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				close(read)
				return
			}
		}
	}()
	parts := [][]byte{make([]byte, 100)}
	if allocs := testing.AllocsPerRun(100, func() { _, _ = one.direct.Try(parts) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	one.direct.Close()
	<-read
}

func TestALastingContextKeepsWhatItsRequestMayName(t *testing.T) {
	type key struct{}
	request, end := context.WithCancel(context.WithValue(Reaching(t.Context(), "orders"), key{}, "large"))
	lasting := Lasting(request)
	end()
	if lasting.Err() != nil || !Reaches(lasting, "orders") || Reaches(lasting, "prices") || lasting.Value(key{}) != nil {
		t.Errorf("%v", lasting)
	}
	if Reaches(Lasting(t.Context()), "orders") {
		t.Error("it may name more than its request")
	}
}

func TestAChunkIsWhatLiesBehindAPlace(t *testing.T) {
	for from, want := range map[int]string{0: "c\r\nhello world!\r\n", 6: "hello 6\r\nworld!\r\n", 12: "hello world!"} {
		if got := Chunk([]byte("hello world!"), from); string(got) != want {
			t.Errorf("from %d on: %q", from, got)
		}
	}
}
