package browser

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

func ask(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	cfg := edge.DefaultConfig()
	cfg.Origins = []string{"https://shop.example"}
	server, err := edge.New(cfg, domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(Edge{})
	request := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, nil)
	for name, values := range header {
		request.Header[name] = values
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, request)
	return answer.Result()
}

func TestFilesAreServed(t *testing.T) {
	for path, want := range map[string]struct{ file, contentType string }{
		"/culvert.js":   {"culvert.js", "text/javascript; charset=utf-8"},
		"/culvert.d.ts": {"culvert.d.ts", "text/plain; charset=utf-8"},
	} {
		file, err := os.ReadFile(want.file)
		if err != nil {
			t.Fatal(err)
		}
		answer := ask(t, http.MethodGet, path, nil)
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != want.contentType || !bytes.Equal(body, file) {
			t.Errorf("GET %s is answered with %s, %q and %d bytes", path, answer.Status, answer.Header.Get("Content-Type"), len(body))
		}
		head := ask(t, http.MethodHead, path, nil)
		if body, err := io.ReadAll(head.Body); err != nil || len(body) > 0 || head.StatusCode != http.StatusOK || head.ContentLength != int64(len(file)) {
			t.Errorf("HEAD %s is answered with %s, a length of %d and %d bytes; %v", path, head.Status, head.ContentLength, len(body), err)
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

// A module from elsewhere is fetched with CORS, whatever the page says.
func TestPagesOfOriginsMayImport(t *testing.T) {
	let := ask(t, http.MethodGet, "/culvert.js", http.Header{"Origin": {"https://shop.example"}, "Sec-Fetch-Site": {"cross-site"}})
	if let.StatusCode != http.StatusOK || let.Header.Get("Access-Control-Allow-Origin") != "https://shop.example" || let.Header.Get("Vary") != "Origin" {
		t.Errorf("a page that is let in gets %s and %v", let.Status, let.Header)
	}
	if other := ask(t, http.MethodGet, "/culvert.js", http.Header{"Origin": {"https://elsewhere.example"}}); other.StatusCode != http.StatusForbidden {
		t.Errorf("a page that is not let in gets %s", other.Status)
	}
}

// A page has the client before it has anything else.
func TestClientIsSmall(t *testing.T) {
	const most = 8 << 10
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(module); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() >= most {
		t.Errorf("culvert.js has %d bytes compressed, and may have less than %d", packed.Len(), most)
	}
}
