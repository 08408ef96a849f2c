package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"culvert/domain"
)

// routes are what the server is tried with.
type routes map[string]Handler

func (r routes) Register(e *echo.Echo) {
	for path, h := range r {
		e.GET(path, Handle(h))
	}
}

func fine(w http.ResponseWriter, _ *http.Request) error {
	_, err := io.WriteString(w, "fine")
	return err
}

func newServer(t *testing.T, cfg Config, limits domain.Limits, log io.Writer, r routes) *Server {
	t.Helper()
	s, err := New(cfg, limits, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s.Mount(r)
	return s
}

func ask(t *testing.T, s *Server, method, target, host string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Host = host
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func codeIn(t *testing.T, w *httptest.ResponseRecorder) domain.Code {
	t.Helper()
	var p struct {
		Code domain.Code `json:"code"`
	}
	if w.Header().Get("Content-Type") != "application/problem+json" {
		return ""
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p.Code
}

func TestOnlyOurHostsAreServed(t *testing.T) {
	for _, c := range []struct {
		hosts  []string
		listen string
		host   string
		ours   bool
	}{
		{nil, "127.0.0.1:8080", "localhost:8080", true},
		{nil, "127.0.0.1:8080", "LOCALHOST", true},
		{nil, "127.0.0.1:8080", "127.0.0.1:9", true},
		{nil, "127.0.0.1:8080", "[::1]:8080", true},
		{nil, "127.0.0.1:8080", "[::1]", true},
		{nil, "127.0.0.1:8080", "evil.example:8080", false},
		{nil, "127.0.0.1:8080", "localhost.evil.example", false},
		{nil, "127.0.0.1:8080", "10.0.0.7:8080", false},
		{nil, "127.0.0.1:8080", "", false},
		{nil, "10.0.0.7:8080", "10.0.0.7:8080", true},
		{nil, "box.lan:8080", "box.lan", true},
		{nil, "0.0.0.0:8080", "10.0.0.7:8080", true},
		{nil, ":8080", "[fe80::1]:8080", true},
		{nil, "[::]:8080", "evil.example", false},
		{[]string{"culvert.example"}, "", "culvert.example:8443", true},
		{[]string{"culvert.example:8443"}, "", "culvert.example:8443", true},
		{[]string{"culvert.example:8443"}, "", "culvert.example", false},
		{[]string{"culvert.example"}, "127.0.0.1:1", "localhost", false},
		{[]string{"*"}, "", "anything", true},
	} {
		cfg := DefaultConfig()
		cfg.Listen = c.listen
		if c.hosts != nil {
			cfg.Hosts = c.hosts
		}
		s := newServer(t, cfg, domain.DefaultLimits(), io.Discard, routes{"/x": fine})
		w := ask(t, s, "GET", "/x", c.host)
		if ours := w.Code == 200; ours != c.ours || !ours && (w.Code != 421 || codeIn(t, w) != domain.Misdirected) {
			t.Errorf("hosts %v, listening on %q: %q got %d %s", cfg.Hosts, c.listen, c.host, w.Code, w.Body)
		}
	}
}

func TestOnlyListedOriginsMayUseTheServer(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Origins = []string{"https://app.example.com"}
	s := newServer(t, cfg, domain.DefaultLimits(), io.Discard, routes{"/x": fine})
	for origin, status := range map[string]int{
		"": 200, "http://localhost:8080": 200, "https://localhost:8080": 200, "https://app.example.com": 200, "https://APP.example.com": 200,
		"http://localhost:9": 403, "http://app.example.com": 403, "https://app.example.com.evil": 403, "null": 403, "http://evil.example": 403,
	} {
		w := ask(t, s, "GET", "/x", "localhost:8080", "Origin", origin)
		if w.Code != status {
			t.Errorf("%q: %d", origin, w.Code)
		}
		if status == 403 && (codeIn(t, w) != domain.NotAllowed || w.Header().Get("Access-Control-Allow-Origin") != "") {
			t.Errorf("%q: %s %v", origin, w.Body, w.Header())
		}
		if foreign := strings.Contains(origin, "app.example") || strings.Contains(origin, "APP.example"); status == 200 && foreign && w.Header().Get("Access-Control-Allow-Origin") != origin {
			t.Errorf("%q: allowed is %q", origin, w.Header().Get("Access-Control-Allow-Origin"))
		}
		if w.Header().Get("Vary") != "Origin" {
			t.Errorf("%q: Vary is %q", origin, w.Header().Get("Vary"))
		}
	}
	w := ask(t, s, "OPTIONS", "/x", "localhost:8080", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "culvert-key")
	if w.Code != 204 || !strings.Contains(w.Header().Get("Access-Control-Allow-Methods"), "POST") || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Culvert-Key") {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
	if w := ask(t, s, "OPTIONS", "/x", "localhost:8080", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST"); w.Code != 403 {
		t.Errorf("foreign preflight: %d", w.Code)
	}
	// A page that may use the server can also read why it was refused.
	if w := ask(t, s, "GET", "/none", "localhost:8080", "Origin", "https://app.example.com"); w.Code != 404 || w.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("refusal: %d %v", w.Code, w.Header())
	}
}

func TestWhoAsks(t *testing.T) {
	for _, c := range []struct {
		proxies   []string
		peer      string
		forwarded []string
		want      string
	}{
		{nil, "192.0.2.1:4000", nil, "192.0.2.1"},
		{nil, "[2001:db8::1]:4000", nil, "2001:db8::1"},
		{nil, "@", nil, ""}, // a socket of the machine's own has no address
		// Who is no proxy cannot name another one.
		{nil, "192.0.2.1:4000", []string{"203.0.113.9"}, "192.0.2.1"},
		{nil, "127.0.0.1:4000", []string{"203.0.113.9"}, "127.0.0.1"},
		{[]string{"10.0.0.1"}, "192.0.2.1:4000", []string{"203.0.113.9"}, "192.0.2.1"},
		{[]string{"10.0.0.1"}, "10.0.0.2:4000", []string{"203.0.113.9"}, "10.0.0.2"},
		{[]string{"10.0.0.1"}, "127.0.0.1:4000", []string{"203.0.113.9"}, "127.0.0.1"},
		{[]string{"10.0.0.1"}, "[fe80::1]:4000", []string{"203.0.113.9"}, "fe80::1"},
		// A proxy can.
		{[]string{"10.0.0.1"}, "10.0.0.1:4000", nil, "10.0.0.1"},
		{[]string{"10.0.0.1"}, "10.0.0.1:4000", []string{"203.0.113.9"}, "203.0.113.9"},
		{[]string{"127.0.0.1", "::1"}, "[::1]:4000", []string{"2001:db8::7"}, "2001:db8::7"},
		{[]string{"10.0.0.0/8"}, "10.9.9.9:4000", []string{"203.0.113.9, 10.0.0.3"}, "203.0.113.9"},
		{[]string{"2001:db8::/32"}, "[2001:db8::1]:4000", []string{"203.0.113.9"}, "203.0.113.9"},
		// What stands before that is the client's own word, in however many fields.
		{[]string{"10.0.0.1"}, "10.0.0.1:4000", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{[]string{"10.0.0.1"}, "10.0.0.1:4000", []string{"10.0.0.1, 198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{[]string{"10.0.0.1"}, "10.0.0.1:4000", []string{"<script>, 203.0.113.9"}, "203.0.113.9"},
		{[]string{"10.0.0.1"}, "10.0.0.1:4000", []string{"unknown"}, "10.0.0.1"},
		{[]string{"10.0.0.0/8"}, "10.0.0.1:4000", []string{"10.0.0.2, 10.0.0.3"}, "10.0.0.2"},
	} {
		cfg, got := DefaultConfig(), "nobody"
		cfg.Proxies = c.proxies
		s := newServer(t, cfg, domain.DefaultLimits(), io.Discard, routes{"/x": func(_ http.ResponseWriter, r *http.Request) error {
			got = Client(r.Context())
			return nil
		}})
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/x", nil)
		r.Host, r.RemoteAddr = "localhost", c.peer
		for _, f := range c.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s behind %v, forwarded for %q: %q, want %q", c.peer, c.proxies, c.forwarded, got, c.want)
		}
	}
	for _, proxy := range []string{"", "proxy.example", "10.0.0.1:80", "10.0.0.0/33", "*"} {
		cfg := DefaultConfig()
		cfg.Proxies = []string{"10.0.0.1", proxy}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "http.proxies") {
			t.Errorf("%q: %v", proxy, err)
		}
	}
	if got := Client(t.Context()); got != "" {
		t.Errorf("outside a request: %q", got)
	}
}

func TestRoutesThatAreNotThere(t *testing.T) {
	s := newServer(t, DefaultConfig(), domain.DefaultLimits(), io.Discard, routes{"/x": fine})
	if w := ask(t, s, "GET", "/none", "localhost"); w.Code != 404 || codeIn(t, w) != domain.UnknownRoute {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(t, s, "PUT", "/x", "localhost"); w.Code != 405 || codeIn(t, w) != domain.MethodNotAllowed || !strings.Contains(w.Header().Get("Allow"), "GET") {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	limits := domain.DefaultLimits()
	if w := ask(t, s, "GET", "/x?"+strings.Repeat("a", limits.URLBytes), "localhost"); w.Code != 400 || codeIn(t, w) != domain.InvalidRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestPathParametersAreUnescaped(t *testing.T) {
	s := newServer(t, DefaultConfig(), domain.DefaultLimits(), io.Discard, routes{"/t/:topic": func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, r.PathValue("topic"))
		return err
	}})
	for path, want := range map[string]string{"/t/a.b": "a.b", "/t/a%2Fb": "a/b", "/t/%61": "a", "/t/a%2525": "a%25", "/t/a%252F%2F": "a%2F/"} {
		if w := ask(t, s, "GET", path, "localhost"); w.Body.String() != want {
			t.Errorf("%s: %q, want %q", path, w.Body, want)
		}
	}
}

func TestErrorsAndPanicsAreAnsweredAndLogged(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, DefaultConfig(), domain.DefaultLimits(), &log, routes{
		"/error": func(http.ResponseWriter, *http.Request) error { return errors.New("hunter2") },
		"/panic": func(http.ResponseWriter, *http.Request) error { panic("hunter3") },
		"/down": func(http.ResponseWriter, *http.Request) error {
			return domain.Errorf(domain.Unavailable, "no broker").Because(errors.New("hunter4"))
		},
		"/late": func(w http.ResponseWriter, r *http.Request) error {
			_ = fine(w, r)
			return errors.New("hunter5")
		},
		"/latepanic": func(w http.ResponseWriter, r *http.Request) error {
			_ = fine(w, r)
			panic("hunter6")
		},
	})
	for path, status := range map[string]int{"/error": 500, "/panic": 500, "/down": 503, "/late": 200} {
		if w := ask(t, s, "GET", path, "localhost"); w.Code != status || strings.Contains(w.Body.String(), "hunter") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(t, s, "GET", "/late", "localhost"); w.Body.String() != "fine" {
		t.Errorf("something was written after the answer: %s", w.Body)
	}
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("an answer that was cut short looks whole: recovered %v", v)
			}
		}()
		ask(t, s, "GET", "/latepanic", "localhost")
	}()
	for _, want := range []string{"hunter2", "hunter3", "hunter4", "hunter5", "hunter6"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
}

func TestRoomForStreamsIsBounded(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.Connections = 2
	requests := make(chan *http.Request, 1)
	s := newServer(t, DefaultConfig(), limits, io.Discard, routes{"/x": func(w http.ResponseWriter, r *http.Request) error {
		requests <- r
		return fine(w, r)
	}})
	ask(t, s, "GET", "/x", "localhost")
	held := (<-requests).Context()
	first, err1 := Admit(held)
	_, err2 := Admit(held)
	_, err3 := Admit(held)
	if err1 != nil || err2 != nil || domain.CodeOf(err3) != domain.TooManyRequests {
		t.Fatalf("%v, %v, %v", err1, err2, err3)
	}
	first()
	if _, err := Admit(held); err != nil {
		t.Errorf("a place was given back, but %v", err)
	}
	if release, err := Admit(t.Context()); err != nil {
		t.Error(err)
	} else {
		release()
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"http.hosts":   func(c *Config) { c.Hosts = []string{"http://localhost"} },
		"http.origins": func(c *Config) { c.Origins = []string{"https://app.example.com/"} },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg, domain.DefaultLimits(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %s", err, says)
		}
	}
}
