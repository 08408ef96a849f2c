package inproc

import (
	"strings"
	"testing"

	"culvert/domain"
)

func TestConfigNamesItsKeys(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"inproc.topics is 0":       func(c *Config) { c.Topics = 0 },
		"inproc.queues is 0":       func(c *Config) { c.Queues = 0 },
		"inproc.log_messages is 0": func(c *Config) { c.LogMessages = 0 },
		"inproc.log_bytes is -1":   func(c *Config) { c.LogBytes = -1 },
		"inproc.log_age is 0s":     func(c *Config) { c.LogAge = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	b, err := New(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close(t.Context())
	for _, c := range []domain.Capability{domain.History, domain.SeekTime, domain.ReceiptPosition, domain.KeyOrder, domain.Peek, domain.Reset, domain.ResetTime, domain.Lag, domain.Catalogue, domain.Create} {
		if !b.Capabilities("any").Has(c) {
			t.Errorf("%s is missing", c)
		}
	}
}
