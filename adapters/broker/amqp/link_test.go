package amqp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
	"culvert/tests/brokers"
)

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(word string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), word)
}

// openLink makes a link that ends with the test.
func openLink(t *testing.T, url string, settings ...func(*Config)) (*link, *journal) {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = url
	cfg.DialTimeout = 200 * time.Millisecond
	for _, set := range settings {
		set(&cfg)
	}
	j := &journal{}
	l := newLink(cfg, "tests", nil, slog.New(slog.NewTextHandler(j, nil)))
	t.Cleanup(func() { l.close(context.Background()) })
	return l, j
}

// attempts counts how often a link tries to connect to something that does with a connection what it is told.
func attempts(t *testing.T, with func(net.Conn)) (url string, n *atomic.Int64) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n = new(atomic.Int64)
	var running sync.WaitGroup
	running.Go(func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			running.Go(func() { with(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return "amqp://guest:guest@" + listener.Addr().String() + "/", n
}

// silent says nothing until the other side hangs up.
func silent(conn net.Conn) {
	var b [1 << 10]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			_ = conn.Close()
			return
		}
	}
}

func TestAServerThatNeverAnswersIsUnavailable(t *testing.T) {
	t.Parallel()
	url, n := attempts(t, silent)
	l, j := openLink(t, url)
	if _, err := l.connection(t.Context()); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("the error is %v", err)
	}
	brokers.Eventually(t, patience, "it is tried again", func() bool { return n.Load() > 3 })
	if got := j.count("cannot be reached"); got > 2 { // the text of a time-out differs by where it struck
		t.Errorf("%d attempts are %d lines in the log", n.Load(), got)
	}
}

func TestALinkIsClosedWhileItConnects(t *testing.T) {
	t.Parallel()
	url, n := attempts(t, silent)
	l, _ := openLink(t, url, func(c *Config) { c.DialTimeout = time.Hour })
	failed := make(chan error)
	go func() { // ends with the link
		_, err := l.connection(context.Background())
		failed <- err
	}()
	brokers.Eventually(t, patience, "it connects", func() bool { return n.Load() > 0 })
	l.close(t.Context())
	if err := <-failed; domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("the error is %v", err)
	}
	if _, err := l.connection(t.Context()); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("after that it is %v", err)
	}
}

// A context that ends is no reason to wait for the server.
func TestNobodyWaitsForAConnectionLongerThanHeWants(t *testing.T) {
	t.Parallel()
	url, _ := attempts(t, silent)
	l, _ := openLink(t, url, func(c *Config) { c.DialTimeout = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, wait := range map[string]func(context.Context) (*amqp091.Connection, error){"connection": l.connection, "await": l.await} {
		if _, err := wait(ctx); domain.CodeOf(err) != domain.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAServerThatHangsUpIsNotHammered(t *testing.T) {
	t.Parallel()
	url, n := attempts(t, func(conn net.Conn) { _ = conn.Close() })
	l, _ := openLink(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for ctx.Err() == nil { // everybody asks all the time
		if _, err := l.connection(ctx); err == nil {
			t.Fatal("there is a connection")
		}
	}
	if got := n.Load(); got > 20 {
		t.Errorf("it was tried %d times in a second", got)
	}
}

// The log tells the operator what to mend, once, and no secret.
func TestAWrongPasswordIsLoggedOnce(t *testing.T) {
	t.Parallel()
	rabbit := brokers.RabbitMQ(t)
	u, err := url.Parse(rabbit.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(u *url.URL)
		want   string
	}{
		"password":     {func(u *url.URL) { u.User = url.UserPassword("guest", "s3cret") }, "the user or the password"},
		"virtual host": {func(u *url.URL) { u.User, u.Path = url.UserPassword(u.User.Username(), password(u)), "/nowhere" }, "virtual host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := *u
			c.change(&u)
			r := relayTo(t, u.String())
			l, j := openLink(t, r.url, func(c *Config) { c.DialTimeout = patience })
			for range 3 {
				l.mu.Lock()
				l.failing = time.Time{} // else the last answer is good enough
				l.mu.Unlock()
				if _, err := l.connection(t.Context()); domain.CodeOf(err) != domain.Unavailable {
					t.Fatalf("the error is %v", err)
				}
			}
			if got := j.count("cannot be reached"); got != 1 {
				t.Errorf("it was logged %d times", got)
			}
			if j.count(c.want) == 0 {
				t.Errorf("the log does not say what is wrong:\n%s", j.text.String())
			}
			if j.count("s3cret") > 0 {
				t.Errorf("the log tells the password:\n%s", j.text.String())
			}
		})
	}
}

func password(u *url.URL) string {
	p, _ := u.User.Password()
	return p
}

func TestABrokenConnectionIsMadeAnew(t *testing.T) {
	t.Parallel()
	r := relayTo(t, brokers.RabbitMQ(t).URL)
	l, j := openLink(t, r.url, func(c *Config) { c.DialTimeout = patience })
	first, err := l.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.cut()
	brokers.Eventually(t, patience, "the connection is noticed to be broken", first.IsClosed)
	for {
		second, err := l.await(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if second != first {
			break
		}
	}
	if j.count("the connection to the broker broke") != 1 {
		t.Errorf("the log is\n%s", j.text.String())
	}
}

// While the network came and went those who use a connection failed often, and then rested for seconds though there was a new one.
func TestARestEndsWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{changed: make(chan struct{})}
		rest := func() (took func() time.Duration) {
			began, ended := time.Now(), make(chan time.Duration, 1)
			go func() {
				l.rest(t.Context(), time.Minute)
				ended <- time.Since(began)
			}()
			return func() time.Duration { return <-ended }
		}
		if took := rest()(); took != 0 {
			t.Errorf("without a connection it took %s: the next one is waited for anyway", took)
		}
		l.set(&amqp091.Connection{}, nil, "")
		if took := rest()(); took != time.Minute {
			t.Errorf("with a connection that lasts it took %s", took)
		}
		took := rest()
		synctest.Wait()
		l.set(l.conn, nil, "an alarm")
		time.Sleep(time.Second)
		l.set(&amqp091.Connection{}, nil, "")
		if took := took(); took != time.Second {
			t.Errorf("with a new connection after a second it took %s", took)
		}
	})
}

// While the network carried nothing the server was taken to be there, until enough heartbeats were missed.
func TestAServerThatDoesNotAnswerIsNotThere(t *testing.T) {
	t.Parallel()
	r := relayTo(t, brokers.RabbitMQ(t).URL)
	b := openBroker(t, r.url)
	ping := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return b.Ping(ctx)
	}
	if err := ping(patience); err != nil {
		t.Fatal(err)
	}
	r.stall(true)
	if err := ping(200 * time.Millisecond); domain.CodeOf(err) != domain.Unavailable {
		t.Errorf("ping says %v, want unavailable", err)
	}
	r.stall(false)
	if err := ping(patience); err != nil {
		t.Error(err)
	}
}

// A network so slow that the login took longer than it may was told to be a wrong password.
func TestALoginThatTakesTooLongIsNotARefusal(t *testing.T) {
	t.Parallel()
	const start = "\x01\x00\x00\x00\x00\x00\x1c\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US\xce" // connection.start of AMQP 0-9-1
	url, _ := attempts(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte(start))
		_, _ = io.Copy(io.Discard, conn)
	})
	l, j := openLink(t, url)
	if _, err := l.connection(t.Context()); domain.CodeOf(err) != domain.Unavailable {
		t.Fatalf("the connection is %v", err)
	}
	brokers.Eventually(t, patience, "the log tells of it", func() bool { return j.count("cannot be reached") > 0 })
	if j.count("dial_timeout is 200ms") == 0 || j.count("refused the user") > 0 {
		t.Errorf("the log is\n%s", j.text.String())
	}
}

// Each queue had a line in the log for each outage.
func TestAnOutageDoesNotFloodTheLog(t *testing.T) {
	t.Parallel()
	r := relayTo(t, brokers.RabbitMQ(t).URL)
	b, j := openBroker(t, r.url), &journal{}
	for _, l := range []*link{b.publishing, b.viewing, b.joining} {
		l.log = slog.New(slog.NewTextHandler(j, nil))
	}
	b.log = b.joining.log
	topic := domain.Topic(brokers.Topic(t))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	const most = 20
	for i := range most {
		if err := member(ctx, t, b, topic); err != nil {
			t.Fatal(err)
		}
		if i%4 == 0 {
			watch(t, b, topic, domain.StartLatest())
		}
	}
	consumers := func() int {
		q, err := server(t, r.url).QueueDeclarePassive(string(topic)+":workers", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		return q.Consumers
	}
	const outages = 3
	for range outages {
		r.cut()
		brokers.Eventually(t, patience, "all are there again", func() bool { return j.count("broke") > 0 && consumers() == most })
		publish(t.Context(), t, b, topic, numbered(0, 1)...).are("")
	}
	if lines := j.count("\n"); lines > 3*2*outages {
		t.Errorf("the log has %d lines:\n%s", lines, j.text.String())
	}
}

// A call ends with its context, whatever the server does, and what comes of it after that is undone.
func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channel{timeout: time.Minute}
		never, undone := make(chan struct{}), false
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.within(ctx, func() error { <-never; return nil }, func() { undone = true })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(never)
		synctest.Wait()
		if !undone {
			t.Error("what came of it was not undone")
		}

		never = make(chan struct{})
		defer close(never)
		began = time.Now()
		if err := c.within(t.Context(), func() error { <-never; return nil }, func() {}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("without a deadline, after %v: %v", time.Since(began), err)
		}
		if err := c.within(t.Context(), func() error { return errClosed() }, func() { t.Error("an answer was undone") }); domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("the answer is %v", err)
		}
	})
}

func TestBadURLsDoNotShowThePassword(t *testing.T) {
	for _, url := range []string{
		"amqp://guest:s3cr%et@localhost", "amqp://guest:s3cr/et@localhost:5672/", "amqp://guest:s3cr et@local host/", "http://guest:s3cret@localhost", "amqp://guest:s3cret@localhost:port/",
	} {
		cfg := DefaultConfig()
		cfg.URL = url
		err := cfg.Validate()
		if err == nil || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("of %s it says %v", url, err)
		}
	}
}
