package browser

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// Over HTTP/2 the streams of a page share one connection, a hundred of them like one.
func TestAHundredStreamsShareAConnection(t *testing.T) {
	t.Parallel()
	p := open(t)
	certificate, key := ownCertificate(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin, "CULVERT_HTTP_TLS_CERTIFICATE="+certificate, "CULVERT_HTTP_TLS_KEY="+key)
	door := pass(t, b)
	topic := brokers.Topic(t)
	page := p.tab("streams.html", "bridge", "https://"+door.addr, "url", "https://"+door.addr+"/v1/topics/"+topic+"/events")

	evaluate[any](page, "begin(100)")
	page.until("has 100 streams", "ready.size === 100")
	injectAt(t, b.Admin, topic, `{"messages":[{"text":"one"}]}`)
	page.until("sees the message on each", "last.filter(text => text === 'one').length === 100")
	if n := door.open.Load(); n != 1 {
		t.Errorf("the page has %d connections", n)
	}
}

// Over HTTP/1.1 a browser has six connections to a host for all its tabs: a seventh stream waits until one of them is closed. It is for this that tabs share a connection.
func TestASeventhStreamWaitsOverHTTP11(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	door := pass(t, b)
	url := "http://" + door.addr + "/v1/topics/" + brokers.Topic(t) + "/events"
	page, other := p.tab("streams.html", "bridge", b.URL, "url", url), p.tab("streams.html", "bridge", b.URL, "url", url)

	evaluate[any](page, "begin(6)")
	page.until("has 6 streams", "ready.size === 6")
	evaluate[any](other, "begin(1)")
	if n := door.open.Load(); n != 6 {
		t.Errorf("the browser has %d connections", n)
	}
	if n := evaluate[int](other, "ready.size"); n != 0 {
		t.Error("there is a seventh stream")
	}
	evaluate[any](page, "sources[0].close()")
	other.until("has its stream", "ready.size === 1")
}

// door is a way to a bridge that counts connections.
type door struct {
	addr string
	open atomic.Int64 // connections there are now
}

// pass opens a door to b, which is shut with the test.
func pass(t *testing.T, b *bridge.Bridge) *door {
	t.Helper()
	to, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{addr: listener.Addr().String()}
	var all sync.WaitGroup
	// Ends with the listener.
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			// Ends when either side does, or with the test.
			all.Go(func() { d.carry(t.Context(), client, to.Host) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return d
}

func (d *door) carry(ctx context.Context, client net.Conn, to string) {
	d.open.Add(1)
	defer d.open.Add(-1)
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	// A browser keeps connections that it does not use.
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close()
		_, _ = io.Copy(server, client) // a connection that breaks has ended
	})
	both.Go(func() {
		defer client.Close()
		_, _ = io.Copy(client, server)
	})
	both.Wait()
}

// ownCertificate gives the files of a certificate that nobody signed but itself, and of its key.
func ownCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(24 * time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	coded, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("certificate.pem", "CERTIFICATE", signed), write("key.pem", "PRIVATE KEY", coded)
}
