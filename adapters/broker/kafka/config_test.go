package kafka

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"culvert/adapters/broker"
	"culvert/domain"
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

func TestQueuesAreKnownByTheirGroup(t *testing.T) {
	for _, c := range []struct {
		template, topic, group string
		want                   domain.Queue // none where it is empty
	}{
		{"{topic}.{queue}", "orders", "orders.billing", "billing"},
		{"{topic}.{queue}", "a", "a.x.b", "x.b"},
		{"{topic}.{queue}", "a.x", "a.x.b", "b"},
		{"{topic}.{queue}", "orders", "orders.", ""},
		{"{topic}.{queue}", "orders", "orders", ""},
		{"{topic}.{queue}", "orders", "orders..", ""}, // which can be no queue
		{"{topic}.{queue}", "orders", "orders...", ""},
		{"{topic}.{queue}", "orders", "orders.a b", ""},
		{"{topic}.{queue}", "orders", "orders2.billing", ""},
		{"{topic}.{queue}", "orders", "orders." + strings.Repeat("x", 101), ""},
		{"{queue}", "orders", "billing", "billing"},
		{"eu-{queue}@{topic}", "orders", "eu-billing@orders", "billing"},
		{"eu-{queue}@{topic}", "orders", "eu-@orders", ""},
		{"eu-{queue}@{topic}", "orders", "eu@orders", ""},
		{"{queue}-{queue}", "orders", "a-a-a", ""},
		{"{queue}-{queue}", "orders", "a-a-a-a", "a-a"},
		{"{queue}-{queue}", "orders", "ab-ab", "ab"},
		{"{queue}-{queue}", "orders", "ab-ac", ""},
	} {
		cfg := DefaultConfig()
		cfg.GroupID = c.template
		if got, ok := cfg.queueOf(domain.Topic(c.topic), c.group); got != c.want || ok != (c.want != "") {
			t.Errorf("in %q group %q of topic %q is queue %q, %t; want %q", c.template, c.group, c.topic, got, ok, c.want)
		}
	}
}

func TestEveryQueueIsKnownByItsGroup(t *testing.T) {
	name := rapid.StringMatching(`[ab.-]{0,5}[ab]`)
	rapid.Check(t, func(t *rapid.T) {
		cfg := DefaultConfig()
		cfg.GroupID = strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"{topic}", "{queue}", ".", "-", "a"}), 0, 5).Draw(t, "template"), "") + "{queue}"
		topic, queue := domain.Topic(name.Draw(t, "topic")), domain.Queue(name.Draw(t, "queue"))
		if got, ok := cfg.queueOf(topic, cfg.group(topic, queue)); got != queue || !ok {
			t.Fatalf("in %q group %q of topic %q is queue %q, %t; want %q", cfg.GroupID, cfg.group(topic, queue), topic, got, ok, queue)
		}
	})
}
