package rest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

const billing = "/v1/topics/orders/queues/billing"

// at is how far a queue is in a partition.
func at(partition int32, first, committed, end int64) domain.Committed {
	return domain.Committed{Extent: domain.Extent{Partition: partition, First: first, End: end}, Place: committed}
}

func TestAQueueIsInspected(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for name, c := range map[string]struct {
		state ports.QueueState
		want  string
	}{
		"all is known": {
			ports.QueueState{
				Order: domain.OrderKey, Lag: 19, Partitions: []domain.Committed{at(0, 0, 25, 42), at(1, 3, 5, 7)},
				Lease: 30 * time.Second, MaxAttempts: 5, DeadLetter: "orders.billing.dlq", Members: 2, InFlight: 3, Oldest: 1200 * time.Millisecond,
			},
			`{"topic":"orders","queue":"billing","order":"key","members":2,"in_flight":3,"oldest_unsettled_ms":1200,"lag":19,` +
				`"partitions":[{"partition":0,"committed":25,"end":42,"lag":17},{"partition":1,"committed":5,"end":7,"lag":2}],` +
				`"lease_ms":30000,"max_attempts":5,"dead_letter":"orders.billing.dlq"}`,
		},
		"the broker tells nothing": {
			ports.QueueState{Order: domain.OrderNone, Lag: domain.LagUnknown, Lease: time.Minute, Oldest: -1},
			`{"topic":"orders","queue":"billing","order":"none","members":0,"in_flight":0,"oldest_unsettled_ms":null,"lag":null,"partitions":null,"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		},
		"all is settled": {
			ports.QueueState{Order: domain.OrderKey, Partitions: []domain.Committed{at(0, 0, 0, 0)}, Lease: time.Minute, Members: 1},
			`{"topic":"orders","queue":"billing","order":"key","members":1,"in_flight":0,"oldest_unsettled_ms":0,"lag":0,"partitions":[{"partition":0,"committed":0,"end":0,"lag":0}],"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		},
		"one partition has no leader, another has not begun, a third was overtaken by retention": {
			ports.QueueState{
				Order: domain.OrderKey, Lag: domain.LagUnknown, Lease: time.Minute, Oldest: -1,
				Partitions: []domain.Committed{at(0, domain.NoPlace, 4, domain.NoPlace), at(1, 10, domain.NoPlace, 12), at(2, 10, 4, 12), at(3, domain.NoPlace, domain.NoPlace, domain.NoPlace)},
			},
			`{"topic":"orders","queue":"billing","order":"key","members":0,"in_flight":0,"oldest_unsettled_ms":null,"lag":null,` +
				`"partitions":[{"partition":0,"committed":4,"end":null,"lag":null},{"partition":1,"committed":null,"end":12,"lag":2},{"partition":2,"committed":4,"end":12,"lag":8},{"partition":3,"committed":null,"end":null,"lag":null}],` +
				`"lease_ms":60000,"max_attempts":0,"dead_letter":null}`,
		},
	} {
		s.state = c.state
		if status, got := do(t, "GET", url+billing, ""); status != 200 || got != c.want+"\n" {
			t.Errorf("%s: %d\ngot  %swant %s", name, status, got, c.want)
		}
		if asked := s.took(); !slices.Equal(asked, []string{"inspect orders/billing"}) {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
}

func TestAQueueIsDeleted(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	resp := send(t, "DELETE", url+billing, nil)
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 204 || len(body) > 0 || err != nil || resp.Header.Get("Content-Type") != "" {
		t.Errorf("%d %q %v, %v", resp.StatusCode, body, resp.Header, err)
	}
	if asked := s.took(); !slices.Equal(asked, []string{"delete orders/billing"}) {
		t.Errorf("asked %q", asked)
	}
	if status, got := do(t, "DELETE", url+billing, "{}"); status != 400 || !strings.Contains(got, "a DELETE has no body") || len(s.took()) > 0 {
		t.Errorf("%d %s", status, got)
	}
}

// adminRoutes are those of one queue, with a body that is fine.
var adminRoutes = map[string]string{"GET " + billing: "", "DELETE " + billing: "", "POST " + billing + "/reset": `{"to":"latest"}`, "POST " + billing + "/redrive": ""}

func TestWhatTheServiceRefusesOfAQueueIsTold(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for route, body := range adminRoutes {
		method, path, _ := strings.Cut(route, " ")
		for code, want := range map[domain.Code]int{
			domain.UnknownTopic: 404, domain.UnknownQueue: 404, domain.NotAllowed: 403, domain.Conflict: 409, domain.InvalidCursor: 400, domain.Unsupported: 501, domain.Unavailable: 503,
		} {
			s.err = domain.Errorf(code, "so it is")
			if status, got := do(t, method, url+path, body); status != want || !strings.Contains(got, string(code)) || !strings.Contains(got, "so it is") {
				t.Errorf("%s, %s: %d %s", route, code, status, got)
			}
			if asked := s.took(); len(asked) != 1 {
				t.Errorf("%s, %s: asked %q", route, code, asked)
			}
		}
	}
}

func TestRequestsAboutAQueueThatCannotBe(t *testing.T) {
	s := &services{}
	url := serve(t, s, DefaultConfig(), domain.DefaultLimits())
	for route, body := range adminRoutes {
		method, path, _ := strings.Cut(route, " ")
		for target, want := range map[string]string{
			path + "?limit=1": `the parameter \"limit\" is unknown here; there are none`,
			strings.Replace(path, "orders", "a%20b", 1):                  `topic name \"a b\" has ' ' at character 2`,
			strings.Replace(path, "billing", "a%2Fb", 1):                 `queue name \"a/b\" has '/' at character 2`,
			strings.Replace(path, "billing", "*", 1):                     `queue name \"*\" has '*' at character 1`,
			strings.Replace(path, "orders", strings.Repeat("t", 234), 1): `have 241 characters together`,
		} {
			if status, got := do(t, method, url+target, body); status != 400 || !strings.Contains(got, `"invalid-request"`) || !strings.Contains(got, want) {
				t.Errorf("%s %s: %d %s", method, target, status, got)
			}
		}
		if status, got := do(t, method, url+path+"/", body); status != 404 || !strings.Contains(got, `"unknown-route"`) {
			t.Errorf("%s %s/: %d %s", method, path, status, got)
		}
	}
	for route, allow := range map[string][]string{
		"PUT " + billing: {"DELETE", "GET", "HEAD", "OPTIONS"}, "POST " + billing: {"DELETE", "GET", "HEAD", "OPTIONS"},
		"GET " + billing + "/reset": {"OPTIONS", "POST"}, "DELETE " + billing + "/redrive": {"OPTIONS", "POST"}, "PUT " + billing + "/redrive": {"OPTIONS", "POST"},
	} {
		method, path, _ := strings.Cut(route, " ")
		resp := send(t, method, url+path, nil)
		told := strings.Split(resp.Header.Get("Allow"), ", ")
		if slices.Sort(told); resp.StatusCode != 405 || !slices.Equal(told, allow) {
			t.Errorf("%s: %d, allowed %q", route, resp.StatusCode, told)
		}
	}
	if asked := s.took(); len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
}

// A client that had said all and closed its side was told of a reset or a delete that nothing came of it, while the broker did it.
func TestAResetAndADeleteAreBroughtToTheirEnd(t *testing.T) {
	s := &services{}
	e, err := New(s, s, queues{s}, admin{s}, DefaultConfig(), domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	for route, want := range map[string]int{"DELETE " + billing: 204, "POST " + billing + "/reset": 200, "POST " + billing + "/redrive": 500} {
		method, path, _ := strings.Cut(route, " ")
		ctx, hangUp := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, method, path, http.NoBody)
		r.Host = "localhost"
		if body := adminRoutes[route]; body != "" {
			r.Body = hangingUp{io.NopCloser(strings.NewReader(body)), hangUp}
		}
		s.wait = func(context.Context) { hangUp() }
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(deadlines{w}, r)
		if w.Code != want {
			t.Errorf("%s: %d %s", route, w.Code, w.Body)
		}
	}
}

// deadlines is a recorder that takes deadlines as a connection does.
type deadlines struct{ *httptest.ResponseRecorder }

func (deadlines) SetReadDeadline(time.Time) error { return nil }
