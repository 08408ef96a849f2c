package rest

import (
	"strings"
	"testing"

	"culvert/domain"
	"culvert/ports"
)

func TestTopicsAreListedAndDescribed(t *testing.T) {
	s := &services{
		topics: []ports.TopicEntry{{Topic: "orders", Broker: "kafka"}}, complete: true,
		info: domain.TopicInfo{Topic: "orders", Broker: "kafka", Capabilities: domain.Capabilities{domain.History}, Epoch: 9, Partitions: []domain.Extent{{Partition: 0, First: 1, End: 42}, {Partition: 1}}},
	}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	cursor := domain.CursorOf("orders", domain.NewVector(9, domain.Place{Next: 42}, domain.Place{Partition: 1})).String()
	for target, want := range map[string]string{
		"/v1/topics":        `{"topics":[{"topic":"orders","broker":"kafka"}],"complete":true}`,
		"/v1/topics/orders": `{"topic":"orders","broker":"kafka","capabilities":["history"],"cursor":"` + cursor + `","partitions":[{"partition":0,"first":1,"end":42},{"partition":1,"first":0,"end":0}]}`,
	} {
		if status, got := do(t, "GET", url+target, ""); status != 200 || got != want+"\n" {
			t.Errorf("%s: %d %s want %s", target, status, got, want)
		}
	}
	for target, want := range map[string]int{"/v1/topics?x=1": 400, "/v1/topics/orders?x=1": 400, "/v1/topics/others": 404, "/v1/topics/a%20b": 400} {
		if status, got := do(t, "GET", url+target, ""); status != want {
			t.Errorf("%s: %d %s", target, status, got)
		}
	}
	s.topics, s.complete, s.info.Capabilities, s.info.Partitions = nil, false, nil, nil
	if _, got := do(t, "GET", url+"/v1/topics", ""); got != "{\"topics\":[],\"complete\":false}\n" {
		t.Errorf("%s", got)
	}
	if _, got := do(t, "GET", url+"/v1/topics/orders", ""); !strings.Contains(got, `"capabilities":[]`) || !strings.Contains(got, `"partitions":[]`) {
		t.Errorf("%s", got)
	}
	s.err = domain.Errorf(domain.Unavailable, "no broker")
	if status, _ := do(t, "GET", url+"/v1/topics", ""); status != 503 {
		t.Errorf("%d", status)
	}
}

func TestQueuesAreListed(t *testing.T) {
	s := &services{
		info: domain.TopicInfo{Topic: "orders"}, complete: true,
		queues: []ports.QueueEntry{{Queue: "audit", Lag: domain.LagUnknown}, {Queue: "billing", Members: 2, Lag: 17}, {Queue: "mail"}},
	}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	const all = `{"queues":[{"queue":"audit","members":0,"lag":null},{"queue":"billing","members":2,"lag":17},{"queue":"mail","members":0,"lag":0}],"complete":true}`
	if status, got := do(t, "GET", url+"/v1/topics/orders/queues", ""); status != 200 || got != all+"\n" {
		t.Errorf("%d %s want %s", status, got, all)
	}
	for target, want := range map[string]int{"orders/queues?x=1": 400, "others/queues": 404, "a%20b/queues": 400} {
		if status, got := do(t, "GET", url+"/v1/topics/"+target, ""); status != want {
			t.Errorf("%s: %d %s, want %d", target, status, got, want)
		}
	}
	s.queues, s.complete = nil, false
	if _, got := do(t, "GET", url+"/v1/topics/orders/queues", ""); got != "{\"queues\":[],\"complete\":false}\n" {
		t.Errorf("%s", got)
	}
	s.err = domain.Errorf(domain.Unavailable, "no broker")
	if status, _ := do(t, "GET", url+"/v1/topics/orders/queues", ""); status != 503 {
		t.Errorf("%d", status)
	}
}

// HEAD was refused everywhere, though it goes wherever a document can be had (RFC 9110 §9.1): whoever looks that a server is there asks so.
func TestDocumentsHaveAHead(t *testing.T) {
	s := &services{complete: true, info: domain.TopicInfo{Topic: "orders"}}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for target, want := range map[string]int{"/": 200, "/v1/topics": 200, "/v1/topics/orders": 200, "/v1/topics/orders/queues": 200, "/v1/topics/orders/queues/billing": 200, "/v1/topics/others": 404, "/v1/topics/orders/messages": 405, "/v1/streams/s_1/done": 405, "/v1/topics/orders/queues/billing/reset": 405} {
		resp := send(t, "HEAD", url+target, nil)
		if resp.StatusCode != want || resp.ContentLength <= 0 {
			t.Errorf("%s: %d, of %d bytes", target, resp.StatusCode, resp.ContentLength)
		}
	}
}

func TestDone(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits()) + "/v1/streams/"
	for body, want := range map[string]string{
		`{"receipts":["a","b"]}`:          "done a b",
		`{"receipts":[]}`:                 "done",
		`{"upto":"b"}`:                    "upto b",
		`{"nack":["a"],"delay_ms":1500}`:  "nack 1.5s a",
		`{"nack":["a","b"]}`:              "nack 0s a b",
		` { "touch" : [ "\u0061" , "b"]}`: "touch a b",
	} {
		s.settled = nil
		status, got := do(t, "POST", url+"s_1/done", body)
		if status != 200 || len(s.settled) != 1 || s.settled[0] != want || !strings.HasSuffix(got, `"unknown":["r9"]}`+"\n") || !strings.HasPrefix(got, `{"settled":`) {
			t.Errorf("%s: %d %s %q", body, status, got, s.settled)
		}
	}
	s.settled = nil
	for _, body := range []string{
		``, `[]`, `{}`, `{"receipts":"a"}`, `{"receipts":[1]}`, `{"upto":["a"]}`, `{"upto":""}`, `{"receipts":["a"],"touch":["b"]}`, `{"receipts":["a"],"delay_ms":1}`, `{"delay_ms":1}`,
		`{"nack":["a"],"delay_ms":-1}`, `{"nack":["a"],"delay_ms":"1"}`, `{"nack":["a"],"delay_ms":1e12}`, `{"recepts":["a"]}`,
	} {
		if status, got := do(t, "POST", url+"s_1/done", body); status != 400 || !strings.Contains(got, "invalid-request") {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
	if len(s.settled) != 0 {
		t.Errorf("settled %q", s.settled)
	}
	if status, got := do(t, "POST", url+"s_2/done", `{"upto":"a"}`); status != 404 || !strings.Contains(got, "unknown-stream") {
		t.Errorf("%d %s", status, got)
	}
	if status, _ := do(t, "POST", url+"s_1/done", strings.Repeat(" ", 1<<20+1)); status != 413 {
		t.Errorf("%d", status)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"rest.body_timeout":  func(c *Config) { c.BodyTimeout = 0 },
		"rest.idle_timeout":  func(c *Config) { c.IdleTimeout = 0 },
		"rest.write_timeout": func(c *Config) { c.WriteTimeout = 0 },
		"rest.batch_bytes":   func(c *Config) { c.BatchBytes = 0 },
		"rest.result_bytes":  func(c *Config) { c.ResultBytes = 0 },
		"rest.guides":        func(c *Config) { c.Guides = "https://git.example.com/docs" },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(nil, nil, nil, nil, cfg, domain.DefaultLimits()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %s", err, says)
		}
	}
}
