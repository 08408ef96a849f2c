package edge

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"culvert/domain"
)

// letIn is a server that pages of these origins may use.
func letIn(t *testing.T, origins ...string) *Server {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Origins = origins
	return newServer(t, cfg, domain.DefaultLimits(), io.Discard, routes{"/x": fine})
}

// items takes the values of a field apart.
func items(h http.Header, name string) (all []string) {
	for _, line := range h.Values(name) {
		for item := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(item))
		}
	}
	return all
}

// A page that is named was told that it may ask, and not that it may do so with cookies: behind a proxy that wants one, no EventSource with credentials got through.
func TestNamedPagesMaySendCredentials(t *testing.T) {
	const named = "https://app.example.com"
	for _, c := range []struct {
		origin, allowed, credentials string
		origins                      []string
	}{
		{named, named, "true", []string{named}},
		{named, named, "true", []string{"*", named}},
		{"https://other.example.com", "*", "", []string{"*", named}},
		{"null", "*", "", []string{"*"}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodOptions} {
			w := ask(t, letIn(t, c.origins...), method, "/x", "localhost", "Origin", c.origin, "Access-Control-Request-Method", "GET")
			if got := w.Header().Get("Access-Control-Allow-Origin"); got != c.allowed {
				t.Errorf("%s for %s with %q: %q may, want %q", method, c.origin, c.origins, got, c.allowed)
			}
			if got := w.Header().Get("Access-Control-Allow-Credentials"); got != c.credentials {
				t.Errorf("%s for %s with %q: credentials %q, want %q", method, c.origin, c.origins, got, c.credentials)
			}
			if !slices.Contains(items(w.Header(), "Vary"), "Origin") {
				t.Errorf("%s for %s: what it varies with is %q", method, c.origin, w.Header()["Vary"])
			}
		}
	}
}

// Pages in sandboxed frames and in files have no origin to name: only who lets in all lets in these.
func TestAnOriginOfNullIsNobodys(t *testing.T) {
	if w := ask(t, letIn(t, "https://app.example.com"), "GET", "/x", "null", "Origin", "null"); w.Code == http.StatusOK || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d, and %q may", w.Code, w.Header().Get("Access-Control-Allow-Origin"))
	}
	if w := ask(t, letIn(t), "GET", "/x", "localhost", "Origin", "null"); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	cfg := DefaultConfig()
	cfg.Origins = []string{"null"}
	if cfg.Validate() == nil {
		t.Error("it can be named, and whoever has it is somebody else each time")
	}
}

// Each of what clients send and read beyond what every page may.
func TestAPreflightAllowsWhatClientsUse(t *testing.T) {
	w := ask(t, letIn(t, "https://app.example.com"), "OPTIONS", "/x", "localhost", "Origin", "https://app.example.com", "Access-Control-Request-Method", "DELETE", "Access-Control-Request-Headers", "authorization,last-event-id")
	if w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("%d with %q", w.Code, w.Body)
	}
	for field, names := range map[string][]string{
		"Access-Control-Allow-Methods":  {"GET", "POST", "DELETE"},
		"Access-Control-Allow-Headers":  {"Accept", "Authorization", "Cache-Control", "Content-Type", "Culvert-Header", "Culvert-Key", "Culvert-Tombstone", "Last-Event-ID"},
		"Access-Control-Expose-Headers": {"Allow", "ETag", "Retry-After", "WWW-Authenticate"},
		"Access-Control-Max-Age":        {"600"},
		"Vary":                          {"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"},
	} {
		for _, name := range names {
			if !slices.Contains(items(w.Header(), field), name) {
				t.Errorf("%s has no %s: %q", field, name, w.Header()[field])
			}
		}
	}
	if got := w.Header().Get("Access-Control-Allow-Private-Network"); got != "" {
		t.Errorf("nobody asked whether it is a private network: %q", got)
	}
}

// Answers that are no preflight expose the same, the refusing ones too.
func TestPagesMayReadWhyTheyAreRefused(t *testing.T) {
	w := ask(t, letIn(t, "https://app.example.com"), "GET", "/none", "localhost", "Origin", "https://app.example.com")
	if w.Code != http.StatusNotFound || !slices.Contains(items(w.Header(), "Access-Control-Expose-Headers"), "Retry-After") || w.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// Browsers ask before a page of the internet reaches a bridge on its user's machine.
func TestAPageThatIsLetInMayReachAPrivateNetwork(t *testing.T) {
	for origin, want := range map[string]string{"https://app.example.com": "true", "https://evil.example": ""} {
		w := ask(t, letIn(t, "https://app.example.com"), "OPTIONS", "/x", "localhost", "Origin", origin, "Access-Control-Request-Method", "GET", "Access-Control-Request-Private-Network", "true")
		if got := w.Header().Get("Access-Control-Allow-Private-Network"); got != want {
			t.Errorf("%s: %q, want %q", origin, got, want)
		}
	}
}
