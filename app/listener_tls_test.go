package app

import (
	"log/slog"
	"strings"
	"testing"
)

// A bridge that cannot show its certificate does not start, and says by one line which setting that is.
func TestACertificateThatIsNotThere(t *testing.T) {
	for key, set := range map[string]func(*Config){
		"http.tls.certificate":  func(c *Config) { c.HTTP.TLS.Certificate, c.HTTP.TLS.Key = "/nowhere.crt", "/nowhere.key" },
		"admin.tls.certificate": func(c *Config) { c.Admin.TLS.Certificate, c.Admin.TLS.Key = "/nowhere.crt", "/nowhere.key" },
		"http.tls.key":          func(c *Config) { c.HTTP.TLS.Certificate = "/nowhere.crt" },
		"admin.tls.key":         func(c *Config) { c.Admin.TLS.Certificate = "/nowhere.crt" },
	} {
		cfg := OnFreePorts()
		set(&cfg)
		_, err := New(cfg, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "/nowhere.crt") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
