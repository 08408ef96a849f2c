package amqp

import (
	"strings"
	"testing"
	"time"

	"culvert/adapters/broker"
)

func TestWhatIsWrongWithTheSettingsIsSaid(t *testing.T) {
	lies := func(as Topology) func(*Config) {
		return func(c *Config) {
			if as.Topic == "" {
				as.Topic = "orders.*"
			}
			c.Topology = []Topology{{Topic: "fine"}, as}
		}
	}
	for want, spoil := range map[string]func(*Config){
		"url cannot be read":                      func(c *Config) { c.URL = "http://127.0.0.1" },
		"management is no URL":                    func(c *Config) { c.Management = "127.0.0.1:15672" },
		"password is set, and username is not":    func(c *Config) { c.Password = "x" },
		`streams is "yes"`:                        func(c *Config) { c.Streams = "yes" },
		`queue_type is "stream"`:                  func(c *Config) { c.QueueType = "stream" },
		"dial_timeout is 0s":                      func(c *Config) { c.DialTimeout = 0 },
		"heartbeat is 500ms":                      func(c *Config) { c.Heartbeat = 500 * time.Millisecond },
		"stream_max_age is 1ms":                   func(c *Config) { c.StreamMaxAge = time.Millisecond },
		"read_ahead is 0":                         func(c *Config) { c.ReadAhead = 0 },
		"stream_max_bytes is 1000":                func(c *Config) { c.StreamMaxBytes = 1000 },
		"queue_max_bytes is -1":                   func(c *Config) { c.QueueMaxBytes = -1 },
		"tls.enabled is true, but url is not":     func(c *Config) { c.TLS.Enabled = true },
		"tls.enabled is false, but other keys":    func(c *Config) { c.TLS = broker.TLS{CAFile: "a"} },
		`topology[1].topic is "a/b"`:              lies(Topology{Topic: "a/b"}),
		`topology[1].type is "fan"`:               lies(Topology{Type: "fan"}),
		"topology[1].exchange is \"amq.default\"": lies(Topology{Exchange: unnamed}),
		`topology[1].log is "all" for all topics`: lies(Topology{Log: "all"}),
		"topology[1].log and queue are both":      lies(Topology{Log: "{topic}", Queue: "{topic}"}),
		`topology[1].queue is "{topc}-{queue}"`:   lies(Topology{Queue: "{topc}-{queue}"}),
		`topology[1].exchange is "{queue}"`:       lies(Topology{Exchange: "{queue}"}),
	} {
		c := DefaultConfig()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
	for name, fine := range map[string]func(*Config){
		"as it is":       func(*Config) {},
		"amqps":          func(c *Config) { c.URL, c.TLS = "amqps://host", broker.TLS{Enabled: true, ServerName: "a"} },
		"no bounds":      func(c *Config) { c.StreamMaxAge, c.StreamMaxBytes, c.QueueExpires, c.QueueMaxBytes = 0, 0, 0, 0 },
		"one queue":      lies(Topology{Topic: "jobs", Exchange: unnamed, RoutingKey: "jobs", Queue: "jobs"}),
		"a team's own":   lies(Topology{Exchange: "shop", Type: "topic", RoutingKey: "{topic}", BindingKey: "#", Queue: "{queue}@{topic}", Log: "{topic}-log"}),
		"one topic only": lies(Topology{Topic: "orders", Log: "the-log", Queue: "the-queue", Passive: true}),
	} {
		c := DefaultConfig()
		fine(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
