package edge

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// TLS names the certificate that a listener shows. It is a section of the configuration; the zero TLS is a plain listener.
type TLS struct {
	// Certificate is a PEM file of the certificate, followed by those of the authorities between it and one that clients know.
	Certificate string `mapstructure:"certificate"`
	// Key is a PEM file of its key.
	Key string `mapstructure:"key"`
}

// Enabled reports whether connections are secured.
func (t TLS) Enabled() bool { return t != TLS{} }

// Validate says which setting of the section cannot be.
func (t TLS) Validate(section string) error {
	if (t.Certificate == "") != (t.Key == "") {
		return fmt.Errorf("%s.certificate is %q and %s.key is %q: name both files, or neither for plain HTTP", section, t.Certificate, section, t.Key)
	}
	return nil
}

// Certificate is what a listener shows to clients, as its files have it: when they change, who connects from then on is shown the new one, and connections there are go on. New files of which nothing can be made, since they do
// not belong together yet, say, leave it as it was. What counts is what the files hold when somebody connects, so that it does not matter how they were changed: written over, renamed, or reached by other links.
type Certificate struct {
	section string
	files   TLS
	log     *slog.Logger
	every   time.Duration // how often the files are looked at, at most

	current atomic.Pointer[tls.Certificate]
	begun   time.Time
	looked  atomic.Int64 // when the files were looked at, in nanoseconds since begun
	looking atomic.Bool  // whoever makes it true has the next for itself
	tried   [sha256.Size]byte
}

// LoadCertificate reads the files of a section of the configuration, which names both. The error says which of them cannot be used, and why.
func LoadCertificate(section string, files TLS, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{section: section, files: files, log: log, every: time.Second, begun: time.Now()}
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current.Store(loaded)
	return c, nil
}

// Config is for connections on which the certificate is shown.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c.look()
			return c.current.Load(), nil
		},
	}
}

// look takes what the files hold, if somebody else is not doing so and nobody has lately.
func (c *Certificate) look() {
	now := time.Since(c.begun)
	if now-time.Duration(c.looked.Load()) < c.every || !c.looking.CompareAndSwap(false, true) {
		return
	}
	defer c.looking.Store(false)
	c.looked.Store(int64(now))
	before := c.tried
	loaded, err := c.load()
	switch {
	case c.tried == before: // also what was told to be broken
	case err != nil:
		c.log.Error("the certificate has changed and cannot be used: the one before it stays", slog.Any("error", err))
	default:
		c.current.Store(loaded)
		c.log.Info("the certificate has changed", slog.String("certificate", c.files.Certificate), slog.Time("not_after", loaded.Leaf.NotAfter))
	}
}

// load reads the files. What was tried are their contents, or what kept them from being read.
func (c *Certificate) load() (*tls.Certificate, error) {
	certificate, err := os.ReadFile(c.files.Certificate)
	if err != nil {
		return nil, c.refused("certificate", err)
	}
	key, err := os.ReadFile(c.files.Key)
	if err != nil {
		return nil, c.refused("key", err)
	}
	c.tried = sha256.Sum256(slices.Concat(certificate, []byte{0}, key))
	if err := readable(certificate); err != nil {
		return nil, fmt.Errorf("%s.certificate: %s: %w", c.section, c.files.Certificate, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s.key: %s is not the key of the certificate in %s (%s.certificate), in PEM and without a password: %w", c.section, c.files.Key, c.files.Certificate, c.section, err)
	}
	return &pair, nil
}

// refused is why a file cannot be read.
func (c *Certificate) refused(setting string, err error) error {
	c.tried = sha256.Sum256([]byte(err.Error()))
	return fmt.Errorf("%s.%s: %w", c.section, setting, err)
}

// readable finds the certificate in a file.
func readable(file []byte) error {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_, err := x509.ParseCertificate(block.Bytes)
			return err
		}
	}
	return fmt.Errorf("it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
}
