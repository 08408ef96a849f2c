package console

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

func serve(t *testing.T) *http.Response {
	t.Helper()
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	answer := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
	server.Handler().ServeHTTP(answer, request)
	return answer.Result()
}

func TestPage(t *testing.T) {
	answer := serve(t)
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("the page is answered with %s as %q", answer.Status, answer.Header.Get("Content-Type"))
	}
	if string(body) != string(page) {
		t.Error("the page is not served as it is")
	}
}

// A policy that names hashes is worth nothing when the page also needs what they do not cover.
func TestPageKeepsItsPolicy(t *testing.T) {
	policy := serve(t).Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	for what, wrong := range map[string]string{
		"a second script or style element":   `(?s)<script.*<script|<style.*<style`,
		"an inline style or handler":         `<[a-z][^>]*\s(style|on[a-z]+)=`,
		"something from somewhere else":      `(src|href)="(https?:)?//`,
		"markup made of what strangers sent": `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(`,
	} {
		if found := regexp.MustCompile(wrong).Find(page); found != nil {
			t.Errorf("the page has %s: %.80q", what, found)
		}
	}
}
