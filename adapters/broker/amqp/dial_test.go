package amqp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"culvert/adapters/broker"
	"culvert/domain"
	"culvert/tests/brokers"
)

// authority signs certificates, whose files are in a directory.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.issue("ca", &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue makes a certificate, and writes name.pem and name.key.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signer, with := a.cert, a.key
	if signer == nil {
		signer, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer, &key.PublicKey, with)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// freePort is a port of this machine that nobody listens at.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// The log says what is to be mended where a connection cannot be had: Go and the driver alone say "EOF", "Exception (501)" or "tls: first record does not look like a TLS handshake".
func TestConnectionsOverTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	ours.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	for _, a := range []*authority{ours, theirs} {
		a.issue("client", &x509.Certificate{Subject: pkix.Name{CommonName: "bridge"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	}
	port := freePort(t)
	rabbit := brokers.StartRabbitMQ(t,
		fmt.Sprintf("listeners.ssl.1 = 127.0.0.1:%d", port),
		"ssl_options.cacertfile = "+ours.file("ca.pem"), "ssl_options.certfile = "+ours.file("server.pem"), "ssl_options.keyfile = "+ours.file("server.key"),
		"ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true")
	u, err := url.Parse(rabbit.URL())
	if err != nil {
		t.Fatal(err)
	}
	plainPort := u.Host
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	plainly := u.String()
	u.Scheme = "amqps"
	secure := u.String()
	good := broker.TLS{Enabled: true, CAFile: ours.file("ca.pem"), CertFile: ours.file("client.pem"), KeyFile: ours.file("client.key")}

	for name, c := range map[string]struct {
		url    string
		change func(*broker.TLS)
		want   string // in the log; empty where it works
	}{
		"all is well":                     {secure, func(*broker.TLS) {}, ""},
		"all in the URL":                  {secure + "?cacertfile=" + good.CAFile + "&certfile=" + good.CertFile + "&keyfile=" + good.KeyFile, func(t *broker.TLS) { *t = broker.TLS{} }, ""},
		"a plain port":                    {"amqps://guest:guest@" + plainPort, func(*broker.TLS) {}, "no port for TLS"},
		"a port for TLS":                  {plainly, func(t *broker.TLS) { *t = broker.TLS{} }, "amqps://"},
		"an authority that is not ours":   {secure, func(t *broker.TLS) { t.CAFile = theirs.file("ca.pem") }, "tls.ca_file"},
		"the system's authorities":        {secure, func(t *broker.TLS) { t.CAFile = "" }, "tls.ca_file"},
		"another name":                    {secure, func(t *broker.TLS) { t.ServerName = "rabbit.example" }, "tls.server_name"},
		"no certificate":                  {secure, func(t *broker.TLS) { t.CertFile, t.KeyFile = "", "" }, "tls.cert_file"},
		"a certificate that is not known": {secure, func(t *broker.TLS) { t.CertFile, t.KeyFile = theirs.file("client.pem"), theirs.file("client.key") }, "tls.cert_file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := good
			c.change(&settings)
			cfg := DefaultConfig()
			cfg.URL, cfg.TLS, cfg.DialTimeout = c.url, settings, patience
			j := &journal{}
			b, err := New(cfg, slog.New(slog.NewTextHandler(j, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close(t.Context())
			err = b.Ping(t.Context())
			switch {
			case c.want != "":
				if domain.CodeOf(err) != domain.Unavailable {
					t.Errorf("it is %v", err)
				}
				brokers.Eventually(t, patience, "the log says "+c.want, func() bool { return j.count(c.want) > 0 })
			case err != nil:
				t.Fatalf("%v\n%s", err, j.text.String())
			default:
				topic := domain.Topic(brokers.Topic(t))
				publish(t.Context(), t, b, topic, numbered(0, 10)...).are("")
			}
		})
	}
}
