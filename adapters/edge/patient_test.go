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
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"culvert/domain"
)

// narrow keeps so little between the two sides that a test sees each piece.
var narrow = Sending{SendBuffer: 4 << 10, WriteTimeout: time.Minute}

// meet is a connection as the server has it, and as the client has it. The client's own buffer is small.
func meet(t *testing.T, s Sending) (*patient, *net.TCPConn) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", s, Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near := dialNarrow(t, l.Addr().String())
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return far.(*patient), near
}

func dialNarrow(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
	}}
	c, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// later gives what f returns, from a goroutine that ends with f.
func later[T any](f func() T) <-chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	return result
}

// A client that read slowly but steadily was cut off: what it had taken of a write did not count when the deadline came.
func TestAClientThatTakesSomethingIsWaitedFor(t *testing.T) {
	const deadline, all = 400 * time.Millisecond, 200 << 10
	far, near := meet(t, narrow)
	if err := far.SetWriteDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	written := later(func() error {
		_, err := far.Write(bytes.Repeat([]byte("x"), all))
		far.CloseWrite()
		return err
	})
	// Forty pieces with an eighth of the deadline between two of them: five deadlines in all.
	pause := time.NewTicker(deadline / 8)
	defer pause.Stop()
	got := 0
	for p := make([]byte, all/40); ; <-pause.C {
		n, err := io.ReadFull(near, p)
		if got += n; err != nil {
			break
		}
	}
	if err := <-written; err != nil || got != all {
		t.Errorf("the client got %d of %d bytes, %v", got, all, err)
	}
	if took := time.Since(begun); took < 3*deadline {
		t.Errorf("it took %s: the client was not slow", took)
	}
}

func TestAClientThatTakesNothingIsLetGo(t *testing.T) {
	const deadline = 100 * time.Millisecond
	far, near := meet(t, narrow)
	ctx := ConnContext(t.Context(), far)
	if err := far.SetWriteDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	n, err := far.Write(make([]byte, 8<<20))
	if took := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || took < deadline || took > 10*time.Second {
		t.Fatalf("%v after %s and %d bytes", err, took, n)
	}
	if cause := context.Cause(ctx); domain.ByeFor(cause).Reason != domain.ByeSlow {
		t.Errorf("the context of its requests has ended with %v", cause)
	}
	// Closed in order, the system would keep what it could not send until the client takes it, if ever.
	far.Close()
	if _, err := io.Copy(io.Discard, near); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection ended with %v, and its memory is still held", err)
	}
}

// The times of one request were those of the next one on the same connection: it was refused its answer when the deadline of a stream before it had passed.
func TestEachWriteHasTheWholeTime(t *testing.T) {
	const deadline = 30 * time.Millisecond
	far, near := meet(t, narrow)
	if err := far.SetWriteDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * deadline)
	if _, err := far.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(near, make([]byte, 4)); err != nil {
		t.Error(err)
	}
}

func TestADeadlineThatHasPassedEndsAWrite(t *testing.T) {
	far, near := meet(t, narrow)
	ctx := ConnContext(t.Context(), far)
	begun := make(chan struct{})
	written := later(func() error {
		_, err := far.Write(make([]byte, 8<<20))
		return err
	})
	go func() { // ends with the first bytes
		_, _ = io.ReadFull(near, make([]byte, 1))
		close(begun)
	}()
	<-begun
	if err := far.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if ctx.Err() != nil {
		t.Error("the client is blamed for it")
	}
	if _, err := far.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write after the end: %v", err)
	}
}

func TestADeadlineCanBeTakenBackWhileWriting(t *testing.T) {
	const deadline, all = 100 * time.Millisecond, 1 << 20
	far, near := meet(t, narrow)
	if err := far.SetWriteDeadline(time.Now().Add(deadline)); err != nil {
		t.Fatal(err)
	}
	written := later(func() error {
		_, err := far.Write(make([]byte, all))
		return err
	})
	if err := far.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * deadline)
	if _, err := io.CopyN(io.Discard, near, all); err != nil {
		t.Error(err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// An answer for which nobody set a deadline held its connection for as long as the client liked.
func TestAnAnswerWithoutADeadlineHasOne(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0", Sending{SendBuffer: 4 << 10, WriteTimeout: 100 * time.Millisecond}, Unbounded())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	s := &http.Server{
		ReadHeaderTimeout: time.Minute,
		ConnContext:       ConnContext,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 8<<20))
			ended <- context.Cause(r.Context())
		}),
	}
	served := later(func() error { return s.Serve(l) })
	defer func() {
		s.Close()
		<-served
	}()
	near := dialNarrow(t, l.Addr().String())
	if _, err := io.WriteString(near, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case cause := <-ended:
		if domain.ByeFor(cause).Reason != domain.ByeSlow {
			t.Errorf("the request ended with %v", cause)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the answer waits for its client still")
	}
}

// What a client that does not read costs in the system: by itself it would be some MiB for each.
func TestTheSystemHoldsLittleForAClientThatDoesNotRead(t *testing.T) {
	const buffer = 32 << 10
	far, near := meet(t, Sending{SendBuffer: buffer, WriteTimeout: 100 * time.Millisecond})
	n, err := far.Write(make([]byte, 8<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	// The client's own buffer, and pages that a system counts whole, come on top.
	if n > 8*buffer {
		t.Errorf("%d bytes were taken for a client that reads nothing", n)
	}
	near.Close()
}

// What WebSockets need of a connection: several buffers in one call of the system, and a half that can be closed.
func TestWhatAConnectionCanDoIsKept(t *testing.T) {
	far, near := meet(t, DefaultSending())
	buffers := net.Buffers{[]byte("one"), []byte("two")}
	if _, err := buffers.WriteTo(far); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && !far.until.IsZero() {
		t.Error("each buffer was written by itself")
	}
	if _, err := far.ReadFrom(bytes.NewBufferString("three")); err != nil {
		t.Fatal(err)
	}
	for _, can := range []bool{implements[syscall.Conn](far), implements[interface{ CloseWrite() error }](far)} {
		if !can {
			t.Error("it cannot do what a TCP connection can")
		}
	}
	if err := far.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(near); err != nil || string(got) != "onetwothree" {
		t.Errorf("%q, %v", got, err)
	}
	if err := far.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading past a deadline: %v", err)
	}
}

func implements[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

func TestSendingThatCannotBe(t *testing.T) {
	if err := DefaultSending().Validate(); err != nil {
		t.Error(err)
	}
	for _, s := range []Sending{{SendBuffer: -1, WriteTimeout: time.Second}, {SendBuffer: 100, WriteTimeout: time.Second}, {SendBuffer: 2 << 30, WriteTimeout: time.Second}, {}} {
		if s.Validate() == nil {
			t.Errorf("%+v is allowed", s)
		}
	}
}

// A Write costs little more than that of the connection itself.
func BenchmarkWrite(b *testing.B) {
	l, err := Listen(b.Context(), "127.0.0.1:0", DefaultSending(), Unbounded())
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	near, err := new(net.Dialer).DialContext(b.Context(), "tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer far.Close()
	go io.Copy(io.Discard, near) // ends with the connection
	for name, w := range map[string]io.Writer{"patient": far, "tcp": far.(*patient).TCPConn} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(200)
			for b.Loop() {
				if _, err := w.Write(make([]byte, 200)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
