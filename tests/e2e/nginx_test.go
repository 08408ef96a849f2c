package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// nginxPatience is how long nginx waits for something to come from a bridge; a minute, where nothing is said.
const nginxPatience = 2 * time.Second

// front is an nginx before a bridge, of which nothing is set but what a test is about: over what it is asked, and what stands in its location.
type front struct {
	url    string
	client *http.Client
}

// through is the bridge as it is reached by nginx.
func (f front) through() *bridge.Bridge { return &bridge.Bridge{URL: f.url} }

// behind starts an nginx before b, reached by HTTP/1.1 or, over TLS, by HTTP/2.
func behind(t *testing.T, b *bridge.Bridge, http2 bool, location string) front {
	t.Helper()
	listen := brokers.Loopback(brokers.FreePorts(t, 1)[0])
	f := front{"http://" + listen, &http.Client{Transport: &http.Transport{}}}
	if http2 {
		certificate := bridge.NewCertificate(t, t.TempDir())
		f.url, f.client = "https://"+listen, newMultiplexing(t, &tls.Config{RootCAs: certificate.Trust}).Client
		listen += fmt.Sprintf(" ssl http2;\nssl_certificate %s;\nssl_certificate_key %s", certificate.File, certificate.Key)
	}
	t.Cleanup(f.client.CloseIdleConnections)
	brokers.StartNginx(t, fmt.Sprintf("server {\nlisten %s;\nlocation / {\nproxy_pass %s;\nproxy_read_timeout %s;\n%s\n}\n}", listen, b.URL, nginxPatience, location))
	return f
}

// Events come through an nginx as they happen, and go on after a silence of which it would tire, with what it does by default: it speaks HTTP/1.0 to a bridge, and buffers answers.
func TestEventsComeThroughNginxByDefault(t *testing.T) {
	t.Parallel()
	b := bridge.Start(t, "CULVERT_SSE_HEARTBEAT=500ms")
	for _, c := range []struct {
		name, location string
		compressed     bool
	}{
		{name: "as it is"},
		{name: "HTTP/1.1 to the bridge", location: "proxy_http_version 1.1;"},
		{name: "connections to the bridge kept", location: "proxy_http_version 1.1;\nproxy_set_header Connection '';"},
		// It knows nothing of no-transform (RFC 9111 §5.2.2.6).
		{name: "compressed", location: "gzip on;\ngzip_types *;\ngzip_proxied any;", compressed: true},
	} {
		for _, http2 := range []bool{false, true} {
			name := c.name + ", HTTP/1.1"
			if http2 {
				name = c.name + ", HTTP/2"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := behind(t, b, http2, c.location)
				ctx := client.Over(deadline(t), f.client)
				topic := strings.NewReplacer(" ", "-", "/", "-", ",", "").Replace(name)
				stream, err := client.OpenSSE(ctx, f.url+"/v1/topics/"+topic+"/events", "")
				if err != nil {
					t.Fatal(err)
				}
				if got := stream.Response.ProtoMajor == 2; got != http2 {
					t.Errorf("nginx was asked over %s", stream.Response.Proto)
				}
				if stream.Response.Uncompressed != c.compressed {
					t.Errorf("compressed: %t", stream.Response.Uncompressed)
				}
				if _, err := stream.Until("ready"); err != nil {
					t.Fatal(err)
				}
				post(ctx, t, f.through(), topic, "one")
				want(t, stream, "message", "one")
				<-time.After(nginxPatience * 3 / 2) // what is tried is the silence
				post(ctx, t, f.through(), topic, "two")
				want(t, stream, "message", "two")
			})
		}
	}
}

// Without heartbeats nginx ends a stream by itself, so that the test before would fail.
func TestNginxTiresOfSilence(t *testing.T) {
	t.Parallel()
	b := bridge.Start(t, "CULVERT_SSE_HEARTBEAT=1h")
	f := behind(t, b, false, "")
	stream, err := client.OpenSSE(client.Over(deadline(t), f.client), f.url+"/v1/topics/quiet/events", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Until("ready"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if e, err := stream.Next(); err == nil {
		t.Errorf("%+v", e)
	}
	if took := time.Since(begun); took < nginxPatience/2 {
		t.Errorf("it ended after %s", took)
	}
}

// A page with a hundred streams has one connection to nginx; each stream ends with its bye.
func TestAHundredStreamsShareAConnectionToNginx(t *testing.T) {
	t.Parallel()
	b := bridge.Start(t)
	f := behind(t, b, true, "")
	ctx := client.Over(deadline(t), f.client)
	streams := viewers(ctx, t, f.url+"/v1/topics/orders/events", make([]string, 100))
	post(ctx, t, f.through(), "orders", "one")
	for _, s := range streams {
		want(t, s, "message", "one")
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	for i, s := range streams {
		if bye, err := s.Until("bye"); err != nil || !strings.Contains(bye.Data, `"shutdown"`) {
			t.Fatalf("stream %d: %q, %v", i, bye.Data, err)
		}
		if _, err := io.Copy(io.Discard, s.Response.Body); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
}
