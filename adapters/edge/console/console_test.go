package console

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

func ask(t *testing.T, method, path string, header http.Header) *http.Response {
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
	request := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
	for name, values := range header {
		request.Header[name] = values
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, request)
	return answer.Result()
}

// files are those of the page as they stand in its folder.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, entry := range entries {
		if all[entry.Name()], err = os.ReadFile("page/" + entry.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestThePageIsServedAsItIs(t *testing.T) {
	for name, text := range files(t) {
		path, contentType := "/console/"+name, "text/javascript; charset=utf-8"
		switch name {
		case "index.html":
			path, contentType = "/", "text/html; charset=utf-8"
		case "style.css", "view.css":
			contentType = "text/css; charset=utf-8"
		}
		answer := ask(t, http.MethodGet, path, nil)
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != contentType || !bytes.Equal(body, text) {
			t.Errorf("GET %s is answered with %s, %q and %d bytes", path, answer.Status, answer.Header.Get("Content-Type"), len(body))
		}
		if head := ask(t, http.MethodHead, path, nil); head.StatusCode != http.StatusOK || head.ContentLength != int64(len(text)) {
			t.Errorf("HEAD %s is answered with %s and a length of %d", path, head.Status, head.ContentLength)
		}
		tag := answer.Header.Get("ETag")
		if again := ask(t, http.MethodGet, path, http.Header{"If-None-Match": {tag}}); again.StatusCode != http.StatusNotModified || again.Header.Get("ETag") != tag || again.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("GET %s of who has it is answered with %s and %v", path, again.Status, again.Header)
		}
		if other := ask(t, http.MethodGet, path, http.Header{"If-None-Match": {`"an older one"`}}); other.StatusCode != http.StatusOK {
			t.Errorf("GET %s of who has an older one is answered with %s", path, other.Status)
		}
	}
}

func TestThereIsNoOtherFile(t *testing.T) {
	for _, path := range []string{"/console/", "/console/nothing.js", "/console/..%2fconsole.go", "/console/page%2fmain.js", "/console/main.js/main.js"} {
		if answer := ask(t, http.MethodGet, path, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s is answered with %s", path, answer.Status)
		}
	}
}

// A policy with exceptions is worth little: none of it lets in what is inline or from elsewhere, and text never becomes markup.
func TestThePolicyHasNoExceptions(t *testing.T) {
	for name := range files(t) {
		policy := ask(t, http.MethodGet, "/console/"+name, nil).Header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy+";", directive+";") {
				t.Errorf("the policy of %s does not have %s: %q", name, directive, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("the policy of %s has an exception: %q", name, policy)
		}
	}
}

// What the policy would refuse, and what it cannot, is not in the page to begin with.
func TestThePageNeedsNoExceptions(t *testing.T) {
	for what, wrong := range map[string]string{
		"an inline script or style":          `<script[^>]*>[^<]|<style`,
		"an inline style or handler":         `<[a-z][^>]*\s(style|on[a-z]+)=["']`,
		"something from somewhere else":      `(src|href|from|import|url)\s*[=(]?\s*["'](https?:)?//`,
		"markup made of what strangers sent": `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|createContextualFragment|srcdoc`,
	} {
		for name, text := range files(t) {
			if found := regexp.MustCompile(wrong).Find(text); found != nil {
				t.Errorf("%s has %s: %.80q", name, what, found)
			}
		}
	}
}
