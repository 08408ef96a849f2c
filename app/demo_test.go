package app

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestTheDemoFillsItsTopics(t *testing.T) {
	a := start(t, OnFreePorts(), WithDemo())
	for _, of := range []struct{ topic, payload string }{{"prices", `"price":`}, {"orders", `"quantity":`}} {
		if got := ask(t, http.MethodGet, a.URL()+"/v1/topics/"+of.topic+"/events?from=earliest&limit=1", ""); !strings.Contains(got.body, of.payload) {
			t.Errorf("%s: %s", of.topic, got.body)
		}
	}
}

// No file and no variable names the demo, and where messages are real there is none.
func TestTheDemoIsForTheProcessAlone(t *testing.T) {
	for _, path := range Values() {
		if strings.Contains(path, "demo") {
			t.Errorf("%s can be configured", path)
		}
	}
	for name, change := range map[string]func(*Config){
		"all topics":  func(c *Config) { c.Broker = kindKafka },
		"some topics": func(c *Config) { c.Topics = []Topic{{Name: "real.*", Broker: kindAMQP}} },
	} {
		cfg := OnFreePorts()
		change(&cfg)
		if _, err := New(cfg, slog.New(slog.DiscardHandler), WithDemo()); err == nil || !strings.Contains(err.Error(), "the demo needs the in-process broker") {
			t.Errorf("%s elsewhere: %v", name, err)
		}
	}
}
