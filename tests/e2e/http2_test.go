package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// multiplexing is a client of a bridge that counts its connections.
type multiplexing struct {
	*http.Client
	connections atomic.Int64
}

// oneConnection wants that all requests went over one.
func (c *multiplexing) oneConnection(t *testing.T) {
	t.Helper()
	if n := c.connections.Load(); n != 1 && !c.Transport.(*http.Transport).Protocols.HTTP1() {
		t.Errorf("there were %d connections", n)
	}
}

// everyWay runs a test with a bridge and a client for each way to it, but the plain HTTP/1.1 of all other tests: HTTP/2 with who knows that the bridge speaks it, and both over TLS.
func everyWay(t *testing.T, environment []string, test func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing)) {
	t.Parallel()
	t.Run("h2c", func(t *testing.T) {
		t.Parallel()
		b, c := bridge.Start(t, environment...), newMultiplexing(t, nil)
		test(client.Over(deadline(t), c.Client), t, b, c)
	})
	certificate := bridge.NewCertificate(t, t.TempDir())
	for _, way := range []struct {
		name string
		new  func(*testing.T, *tls.Config) *multiplexing
	}{{"h2", newMultiplexing}, {"HTTP/1.1 over TLS", newSecured}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b, c := bridge.Start(t, append(certificate.Environment(), environment...)...), way.new(t, &tls.Config{RootCAs: certificate.Trust})
			if !strings.HasPrefix(b.URL, "https://") {
				t.Fatalf("the bridge says that it is at %s", b.URL)
			}
			test(client.Over(deadline(t), c.Client), t, b, c)
		})
	}
}

// newMultiplexing makes a client that speaks HTTP/2 alone; config is nil for one without TLS. Requests that begin at the same time, before there is a connection, may begin on connections of their own.
func newMultiplexing(t *testing.T, config *tls.Config) *multiplexing {
	return newClient(t, config, func(p *http.Protocols) {
		p.SetUnencryptedHTTP2(config == nil)
		p.SetHTTP2(config != nil)
	})
}

// newSecured makes a client that speaks HTTP/1.1 alone.
func newSecured(t *testing.T, config *tls.Config) *multiplexing {
	return newClient(t, config, func(p *http.Protocols) { p.SetHTTP1(true) })
}

func newClient(t *testing.T, config *tls.Config, speak func(*http.Protocols)) *multiplexing {
	c := &multiplexing{}
	transport := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols), DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		c.connections.Add(1)
		return new(net.Dialer).DialContext(ctx, network, to)
	}}
	speak(transport.Protocols)
	c.Client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	return c
}

// viewers opens streams side by side, and reads their ready.
func viewers(ctx context.Context, t *testing.T, url string, ids []string) []*client.SSE {
	t.Helper()
	if _, err := client.Text(ctx, url[:strings.Index(url, "/topics")]+"/topics"); err != nil { // connects
		t.Fatal(err)
	}
	streams := make([]*client.SSE, len(ids))
	var opening sync.WaitGroup
	for i, id := range ids {
		opening.Go(func() {
			s, err := client.OpenSSE(ctx, url, id)
			if err == nil {
				_, err = s.Until("ready")
			}
			if err != nil {
				t.Errorf("stream %d: %v", i, err)
				return
			}
			streams[i] = s
		})
	}
	opening.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return streams
}

// A hundred streams over one connection are live, and resume where they broke.
func TestAHundredStreamsShareAConnection(t *testing.T) {
	everyWay(t, nil, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		const streams = 100
		ids := make([]string, streams)
		for round := range 3 {
			live, end := context.WithCancel(ctx)
			for i, s := range viewers(live, t, b.URL+"/v1/topics/orders/events", ids) {
				if i == 0 {
					post(ctx, t, b, "orders", numbered(round*20+10, round*20+20)...)
				}
				from := round * 20
				if round == 0 {
					from = 10 // there was nobody before
				}
				for n := from; n < round*20+20; n++ {
					ids[i] = want(t, s, "message", fmt.Sprint("m", n)).ID
				}
			}
			end() // each stream is reset, and the connection stays
			post(ctx, t, b, "orders", numbered(round*20+20, round*20+30)...)
		}
		c.oneConnection(t)
	})
}

// Of many viewers on one connection one does not read. The others have everything at once; it has it when it comes back.
func TestAStuckStreamHoldsUpNoOtherOfItsConnection(t *testing.T) {
	const size, messages, others = 100_000, 100, 20 // more than a stream may have under way
	everyWay(t, []string{"CULVERT_SSE_WRITE_TIMEOUT=2s", "CULVERT_SUBSCRIBE_WINDOW_BYTES=2000000"}, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		url := b.URL + "/v1/topics/large/events"
		streams := viewers(ctx, t, url, make([]string, others+1))
		stuck := streams[others]
		var reading sync.WaitGroup
		for _, s := range streams[:others] {
			reading.Go(func() {
				for i := range messages {
					if e, err := s.Next(); err != nil || !strings.HasPrefix(e.Data, fmt.Sprint(i, " ")) {
						t.Errorf("message %d: %.20q (%s), %v", i, e.Data, e.Type, err)
						return
					}
				}
			})
		}
		for i := range messages {
			post(ctx, t, b, "large", fmt.Sprint(i, " ", strings.Repeat("x", size)))
		}
		reading.Wait()
		next, last := 0, ""
		take := func(s *client.SSE) (err error) {
			var e client.Event
			for next < messages && err == nil {
				if e, err = s.Until("message"); err == nil {
					if !strings.HasPrefix(e.Data, fmt.Sprint(next, " ")) {
						t.Fatalf("after %d came %.20q", next-1, e.Data)
					}
					next, last = next+1, e.ID
				}
			}
			return err
		}
		// It is not reset before it has been stuck for long enough, since it reads nothing until then.
		await(ctx, t, b, func(metrics string) bool { return strings.Contains(metrics, "\nculvert_connections 20\n") })
		if err := take(stuck); err == nil {
			t.Error("a stream that took nothing was not ended")
		}
		again, err := client.OpenSSE(ctx, url, last)
		if err == nil {
			err = take(again)
		}
		if err != nil || next != messages {
			t.Errorf("%d messages in the end, %v", next, err)
		}
		c.oneConnection(t)
	})
}

// await asks for the metrics of a bridge until they are as they shall be.
func await(ctx context.Context, t *testing.T, b *bridge.Bridge, are func(metrics string) bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := client.Text(client.Over(ctx, strangers), b.Admin+"/metrics")
		if err != nil {
			t.Fatalf("the metrics: %v", err)
		}
		if are(string(text)) {
			return
		}
		<-tick.C
	}
}

// A member of a queue settles on the connection on which it is given messages; what it has when its stream is reset goes to another one on the same connection.
func TestMembersShareAConnection(t *testing.T) {
	everyWay(t, nil, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		url := b.URL + "/v1/topics/jobs/queues/workers/events?ack=manual&envelope=1"
		life, leave := context.WithCancel(ctx)
		first, err := client.OpenSSE(life, url, "")
		if err != nil {
			t.Fatal(err)
		}
		ready, err := first.Until("ready")
		if err != nil {
			t.Fatal(err)
		}
		post(ctx, t, b, "jobs", "one", "two")
		var joined struct{ Stream string }
		if err := json.Unmarshal([]byte(ready.Data), &joined); err != nil {
			t.Fatal(err)
		}
		one, err := first.Until("message")
		if err != nil || !strings.Contains(one.Data, `"one"`) {
			t.Fatalf("%q, %v", one.Data, err)
		}
		if n, _, err := client.Settle(ctx, b.URL, joined.Stream, map[string][]string{"receipts": {one.ID}}); n != 1 || err != nil {
			t.Fatalf("%d settled, %v", n, err)
		}
		if two, err := first.Until("message"); err != nil || !strings.Contains(two.Data, `"two"`) {
			t.Fatalf("%q, %v", two.Data, err)
		}
		second, err := client.OpenSSE(ctx, url, "")
		if err == nil {
			_, err = second.Until("ready")
		}
		if err != nil {
			t.Fatal(err)
		}
		leave()
		if two, err := second.Until("message"); err != nil || !strings.Contains(two.Data, `"two"`) || !strings.Contains(two.Data, `"attempt":2`) {
			t.Errorf("after the first has gone: %q, %v", two.Data, err)
		}
		c.oneConnection(t)
	})
}

// Results come while the body goes, over HTTP/2 as well; who does not read them holds up no other request of the connection.
func TestNDJSONOverHTTP2IsFullDuplex(t *testing.T) {
	everyWay(t, []string{"CULVERT_REST_RESULT_BYTES=65536"}, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		lines, results := injecting(ctx, t, b, c)
		for i := range 3 {
			fmt.Fprintf(lines, `{"id":"%d","text":"hello"}`+"\n", i)
			line, err := results.ReadString('\n')
			if want := fmt.Sprintf(`{"op":"ack","id":"%d","partition":0,"offset":%d,`, i, i); err != nil || !strings.HasPrefix(line, want) {
				t.Fatalf("%q, %v", line, err)
			}
		}
		stuck, _ := injecting(ctx, t, b, c)
		line := []byte(strings.Repeat(`{"id":"a","text":"hello"}`+"\n", 1000))
		var sent atomic.Int64
		over := make(chan struct{})
		// Ends with ctx: it will not get everything through.
		go func() {
			defer close(over)
			for {
				n, err := stuck.Write(line)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}()
		for before, same := int64(0), 0; same < 10; { // until it is stuck
			post(ctx, t, b, "others", "one")
			if now := sent.Load(); now > before {
				before, same = now, 0
			} else {
				same++
			}
		}
		fmt.Fprintln(lines, `{"id":"last","text":"hello"}`)
		if line, err := results.ReadString('\n'); err != nil || !strings.Contains(line, `"last"`) {
			t.Errorf("beside a stuck stream: %q, %v", line, err)
		}
		cancel()
		<-over
		c.oneConnection(t)
	})
}

// injecting begins a stream of messages to inject.
func injecting(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) (io.Writer, *bufio.Reader) {
	t.Helper()
	body, lines := io.Pipe()
	context.AfterFunc(ctx, func() { body.CloseWithError(ctx.Err()) })
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL+"/v1/topics/orders/messages", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	a, err := c.Do(r)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", a, err)
	}
	t.Cleanup(func() { a.Body.Close() })
	return lines, bufio.NewReader(a.Body)
}

// Whoever is on a connection is told bye before it ends, and the bridge leaves at once.
func TestShutdownSaysByeOverHTTP2(t *testing.T) {
	everyWay(t, nil, func(ctx context.Context, t *testing.T, b *bridge.Bridge, _ *multiplexing) {
		streams := viewers(ctx, t, b.URL+"/v1/topics/orders/events", make([]string, 50))
		streams = append(streams, viewers(ctx, t, b.URL+"/v1/topics/orders/queues/workers/events", make([]string, 5))...)
		begun := time.Now()
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %s to leave", took)
		}
		for i, s := range streams {
			if bye, err := s.Until("bye"); err != nil || !strings.Contains(bye.Data, `"shutdown"`) {
				t.Errorf("stream %d: %q, %v", i, bye.Data, err)
			}
		}
	})
}

// Who takes nothing does not keep a bridge from leaving in time, nor others from hearing bye.
func TestShutdownWithAStuckStream(t *testing.T) {
	everyWay(t, []string{"CULVERT_SHUTDOWN_TIMEOUT=4s", "CULVERT_QUEUE_DRAIN_GRACE=1s", "CULVERT_SUBSCRIBE_WINDOW_BYTES=2000000"}, func(ctx context.Context, t *testing.T, b *bridge.Bridge, _ *multiplexing) {
		url := b.URL + "/v1/topics/large/events?overflow=resume"
		streams := viewers(ctx, t, url, make([]string, 3))
		reader := streams[0]
		const messages = 200
		for i := range messages { // more than a client's window and the system hold
			post(ctx, t, b, "large", strings.Repeat("x", 100_000))
			if e, err := reader.Until("message"); err != nil || len(e.Data) != 100_000 {
				t.Fatalf("message %d: %d bytes, %v", i, len(e.Data), err)
			}
		}
		begun := time.Now()
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 6*time.Second {
			t.Errorf("it took %s to leave", took)
		}
		if bye, err := reader.Until("bye"); err != nil || !strings.Contains(bye.Data, `"shutdown"`) {
			t.Errorf("%q, %v", bye.Data, err)
		}
	})
}

// Each stream of a connection counts in limits.connections, and gives its place back.
func TestStreamsOfAConnectionAreCounted(t *testing.T) {
	everyWay(t, []string{"CULVERT_LIMITS_CONNECTIONS=5"}, func(ctx context.Context, t *testing.T, b *bridge.Bridge, _ *multiplexing) {
		url := b.URL + "/v1/topics/orders/events"
		streams := viewers(ctx, t, url, make([]string, 5))
		s, err := client.OpenSSE(ctx, url, "")
		if err != nil {
			t.Fatal(err)
		}
		if bye, err := s.Next(); err != nil || bye.Type != "bye" || !strings.Contains(bye.Data, `"overload"`) {
			t.Errorf("%q %q, %v", bye.Type, bye.Data, err)
		}
		streams[0].Close()
		await(ctx, t, b, func(metrics string) bool { return strings.Contains(metrics, "\nculvert_connections 4\n") })
		viewers(ctx, t, url, make([]string, 1))
	})
}

// A WebSocket is a connection of HTTP/1.1 beside; over HTTP/2 its URL says so, without fields that HTTP/2 forbids.
func TestAWebSocketBesideHTTP2(t *testing.T) {
	everyWay(t, nil, func(ctx context.Context, t *testing.T, b *bridge.Bridge, c *multiplexing) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/v1/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body, err := io.ReadAll(a.Body)
		if a.StatusCode != http.StatusUpgradeRequired || err != nil {
			t.Errorf("%s %s, %v", a.Status, body, err)
		}
		if over2 := a.ProtoMajor == 2; over2 != strings.Contains(string(body), "HTTP/1.1") || over2 != (a.Header.Get("Upgrade") == "" && a.Header.Get("Connection") == "") {
			t.Errorf("over %s: %s %q", a.Proto, body, a.Header)
		}
		transport := &http.Transport{TLSClientConfig: c.Transport.(*http.Transport).TLSClientConfig.Clone()}
		defer transport.CloseIdleConnections()
		socket, err := client.OpenWS(client.Over(ctx, &http.Client{Transport: transport}), b.URL+"/v1/ws", "culvert.v1.json")
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		text := "hello"
		if err := socket.Send(ctx, client.Frame{Op: "sub", ID: "1", Sub: "a", Topic: "orders"}); err != nil {
			t.Fatal(err)
		}
		if _, err := socket.Until(ctx, "ready"); err != nil {
			t.Fatal(err)
		}
		if err := socket.Send(ctx, client.Frame{Op: "pub", ID: "2", Topic: "orders", Text: &text}); err != nil {
			t.Fatal(err)
		}
		if f, err := socket.Until(ctx, "msg"); err != nil || f.Text == nil || *f.Text != text {
			t.Errorf("%+v, %v", f, err)
		}
	})
}

// Who connects after the certificate's files have changed is shown the new one; the streams that there are go on.
func TestACertificateIsChangedUnderStreams(t *testing.T) {
	t.Parallel()
	ctx, folder := deadline(t), t.TempDir()
	before := bridge.NewCertificate(t, folder)
	b := bridge.Start(t, before.Environment()...)
	old := newMultiplexing(t, &tls.Config{RootCAs: before.Trust})
	ctx = client.Over(ctx, old.Client)
	streams := viewers(ctx, t, b.URL+"/v1/topics/orders/events", make([]string, 10))
	after := bridge.NewCertificate(t, folder)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for { // the files are looked at once a second
		fresh := newMultiplexing(t, &tls.Config{RootCAs: after.Trust})
		_, err := client.Text(client.Over(ctx, fresh.Client), b.URL+"/v1/topics")
		if err == nil {
			break
		}
		var unknown *tls.CertificateVerificationError
		if !errors.As(err, &unknown) {
			t.Fatal(err)
		}
		<-tick.C
	}
	post(ctx, t, b, "orders", "one")
	for _, s := range streams {
		want(t, s, "message", "one")
	}
	old.oneConnection(t)
}

// Operators have a certificate of their own, or none.
func TestTheAdminListenerHasACertificateOfItsOwn(t *testing.T) {
	t.Parallel()
	ctx, own := deadline(t), bridge.NewCertificate(t, t.TempDir())
	b := bridge.Start(t, "CULVERT_ADMIN_TLS_CERTIFICATE="+own.File, "CULVERT_ADMIN_TLS_KEY="+own.Key)
	if !strings.HasPrefix(b.URL, "http://") || !strings.HasPrefix(b.Admin, "https://") {
		t.Errorf("it listens on %s, and for operators on %s", b.URL, b.Admin)
	}
	c := newMultiplexing(t, &tls.Config{RootCAs: own.Trust})
	for _, path := range []string{"/readyz", "/metrics", "/", "/v1/topics"} {
		if _, err := client.Text(client.Over(ctx, c.Client), b.Admin+path); err != nil {
			t.Error(err)
		}
	}
	c.oneConnection(t)
}

// A client that went away without a word is found by a ping that it does not answer, though nothing is written to it.
func TestAConnectionThatAnswersNoPingIsClosed(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	b := bridge.Start(t, "CULVERT_HTTP_PING_INTERVAL=1s")
	c, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(b.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	const ofSettings, ofPing = 4, 6
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+string([]byte{0, 0, 0, ofSettings, 0, 0, 0, 0, 0})); err != nil {
		t.Fatal(err)
	}
	pinged := false
	for r := bufio.NewReader(c); ; {
		head := make([]byte, 9)
		if _, err := io.ReadFull(r, head); err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Error("the connection is there still")
			}
			break
		}
		pinged = pinged || head[3] == ofPing
		if _, err := r.Discard(int(binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))); err != nil {
			break
		}
	}
	if !pinged {
		t.Error("the connection was closed without a ping")
	}
}

// curl has HTTP/2 of its own (nghttp2).
func TestCurlOverHTTP2(t *testing.T) {
	t.Parallel()
	ctx := deadline(t)
	path := brokers.Curl(t)
	b := bridge.Start(t)
	post(ctx, t, b, "orders", numbered(0, 3)...)
	for _, args := range [][]string{
		{"-N", b.URL + "/v1/topics/orders/events?from=earliest&limit=3"},
		{"-H", "Content-Type: application/x-ndjson", "--data-binary", `{"id":"1","text":"hello"}`, b.URL + "/v1/topics/others/messages"},
		{"-H", "Expect: 100-continue", "-H", "Content-Type: application/x-ndjson", "-T", "-", "-X", "POST", b.URL + "/v1/topics/others/messages"},
	} {
		curl := exec.CommandContext(ctx, path, append([]string{"-sS", "--http2-prior-knowledge", "-w", "HTTP/%{http_version} %{http_code}"}, args...)...)
		curl.Stdin = strings.NewReader(`{"id":"1","text":"hello"}` + "\n")
		said, err := curl.CombinedOutput()
		if text := string(said); err != nil || !strings.HasSuffix(text, "HTTP/2 200") || !strings.Contains(text, "data: m2\n") && !strings.Contains(text, `{"op":"ack","id":"1"`) {
			t.Errorf("%q: %v\n%s", args, err, said)
		}
	}
}
