package edge

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issued makes a certificate that a name stands in, and its key.
func issued(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// put writes a pair of files below a folder.
func put(t *testing.T, folder string, certificate, key []byte) TLS {
	t.Helper()
	files := TLS{Certificate: filepath.Join(folder, "tls.crt"), Key: filepath.Join(folder, "tls.key")}
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(files.Certificate, certificate, 0o600), os.WriteFile(files.Key, key, 0o600)); err != nil {
		t.Fatal(err)
	}
	return files
}

// shown is whose certificate is shown to who connects now.
func shown(t *testing.T, c *Certificate) string {
	t.Helper()
	certificate, err := c.Config().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return certificate.Leaf.Subject.CommonName
}

// loaded reads files, and looks at them again whenever somebody connects.
func loaded(t *testing.T, files TLS) (*Certificate, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	c, err := LoadCertificate("http.tls", files, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.every = 0
	return c, &log
}

func TestACertificateIsWhatItsFilesHold(t *testing.T) {
	folder := t.TempDir()
	first, firstKey := issued(t, "first")
	second, secondKey := issued(t, "second")
	for how, change := range map[string]func(*testing.T, string) TLS{
		"written over": func(t *testing.T, at string) TLS {
			return put(t, at, second, secondKey)
		},
		"renamed": func(t *testing.T, at string) TLS {
			there, next := TLS{filepath.Join(at, "tls.crt"), filepath.Join(at, "tls.key")}, put(t, at+".new", second, secondKey)
			if err := errors.Join(os.Rename(next.Certificate, there.Certificate), os.Rename(next.Key, there.Key)); err != nil {
				t.Fatal(err)
			}
			return there
		},
	} {
		t.Run(how, func(t *testing.T) {
			at := filepath.Join(folder, how)
			c, log := loaded(t, put(t, at, first, firstKey))
			if name := shown(t, c); name != "first" {
				t.Errorf("it is shown as %s's", name)
			}
			change(t, at)
			if name := shown(t, c); name != "second" {
				t.Errorf("after the change it is shown as %s's", name)
			}
			shown(t, c)
			if n := strings.Count(log.String(), "the certificate has changed"); n != 1 {
				t.Errorf("the change is in the log %d times:\n%s", n, log)
			}
		})
	}
}

// Kubernetes puts each version of a secret into a folder of its own, and turns a link to the newest.
func TestACertificateIsReachedByLinks(t *testing.T) {
	folder := t.TempDir()
	first, firstKey := issued(t, "first")
	second, secondKey := issued(t, "second")
	put(t, filepath.Join(folder, "..1"), first, firstKey)
	put(t, filepath.Join(folder, "..2"), second, secondKey)
	current, files := filepath.Join(folder, "..data"), TLS{filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")}
	if err := errors.Join(os.Symlink("..1", current), os.Symlink("..data/tls.crt", files.Certificate), os.Symlink("..data/tls.key", files.Key)); err != nil {
		t.Skipf("no links can be made here: %v", err)
	}
	c, _ := loaded(t, files)
	if name := shown(t, c); name != "first" {
		t.Errorf("it is shown as %s's", name)
	}
	if err := errors.Join(os.Symlink("..2", current+"_tmp"), os.Rename(current+"_tmp", current)); err != nil {
		t.Fatal(err)
	}
	if name := shown(t, c); name != "second" {
		t.Errorf("after the link was turned it is shown as %s's", name)
	}
}

func TestABrokenCertificateLeavesTheOneBefore(t *testing.T) {
	folder := t.TempDir()
	first, firstKey := issued(t, "first")
	second, secondKey := issued(t, "second")
	files := put(t, folder, first, firstKey)
	c, log := loaded(t, files)
	put(t, folder, second, firstKey) // one file is there already
	for range 3 {
		if name := shown(t, c); name != "first" {
			t.Errorf("it is shown as %s's", name)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "http.tls.key") {
		t.Errorf("in the log there are %d errors:\n%s", n, log)
	}
	if err := os.Remove(files.Key); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		shown(t, c)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
		t.Errorf("in the log there are %d errors:\n%s", n, log)
	}
	put(t, folder, second, secondKey)
	if name := shown(t, c); name != "second" {
		t.Errorf("when both are there it is shown as %s's", name)
	}
}

func TestWhatIsWrongWithACertificate(t *testing.T) {
	certificate, key := issued(t, "one")
	_, foreign := issued(t, "another")
	for name, c := range map[string]struct {
		certificate, key []byte
		without          string
		says             []string
	}{
		"no certificate":     {certificate, key, "tls.crt", []string{"http.tls.certificate: open ", "no such file"}},
		"no key":             {certificate, key, "tls.key", []string{"http.tls.key: open ", "no such file"}},
		"another one's key":  {certificate, foreign, "", []string{"http.tls.key: ", "is not the key of the certificate in ", "does not match"}},
		"the other way":      {key, certificate, "", []string{"http.tls.certificate: ", "no certificate in PEM"}},
		"a key that is none": {certificate, []byte("hello"), "", []string{"http.tls.key: ", "in PEM and without a password"}},
		"half a certificate": {certificate[:len(certificate)/2], key, "", []string{"http.tls.certificate: ", "no certificate in PEM"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			files := put(t, folder, c.certificate, c.key)
			if c.without != "" {
				if err := os.Remove(filepath.Join(folder, c.without)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := LoadCertificate("http.tls", files, slog.New(slog.DiscardHandler))
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("it is %v", err)
			}
			for _, words := range c.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
		})
	}
	if (TLS{Certificate: "a"}).Validate("http.tls") == nil || (TLS{Key: "a"}).Validate("http.tls") == nil {
		t.Error("one file without the other is taken")
	}
	if err := errors.Join(TLS{}.Validate("http.tls"), TLS{"a", "b"}.Validate("http.tls")); err != nil {
		t.Error(err)
	}
}

// Older TLS than 1.2 is broken (RFC 8996).
func TestTLSIsNew(t *testing.T) {
	certificate, key := issued(t, "one")
	c, _ := loaded(t, put(t, t.TempDir(), certificate, key))
	if c.Config().MinVersion != tls.VersionTLS12 {
		t.Error("older versions are spoken")
	}
}
