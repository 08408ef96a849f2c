package kafka

import (
	"strings"
	"testing"

	"culvert/adapters/broker"
)

func TestDefaultsAreValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"brokers is":          func(c *Config) { c.Brokers = nil },
		"version is":          func(c *Config) { c.Version = "new" },
		"compression is":      func(c *Config) { c.Compression = "rar" },
		"dial_timeout is":     func(c *Config) { c.DialTimeout = 0 },
		"message_bytes is":    func(c *Config) { c.MessageBytes = 10 },
		"fetch_bytes is":      func(c *Config) { c.FetchBytes = 1 << 31 },
		"linger is":           func(c *Config) { c.Linger = -1 },
		"fetch_wait is":       func(c *Config) { c.FetchWait = c.RequestTimeout },
		"group_id is":         func(c *Config) { c.GroupID = "culvert" },
		"sasl.mechanism is":   func(c *Config) { c.SASL.Mechanism = "GSSAPI" },
		"sasl.username is":    func(c *Config) { c.SASL.Mechanism = "PLAIN" },
		"tls.cert_file is":    func(c *Config) { c.TLS = broker.TLS{Enabled: true, CertFile: "a"} },
		"tls.enabled is fals": func(c *Config) { c.TLS.CAFile = "a" },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want one that begins with %q", err, want)
		}
	}
}

func TestGroupIsNamedAsConfigured(t *testing.T) {
	cfg := DefaultConfig()
	if got, want := cfg.group("orders", "billing"), "orders.billing"; got != want {
		t.Errorf("the group is %q, want %q", got, want)
	}
	cfg.GroupID = "{queue}"
	if got, want := cfg.group("orders", "billing"), "billing"; got != want {
		t.Errorf("the group is %q, want %q", got, want)
	}
}
