package spec

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

// ask sends one request to a server that has the descriptions.
func ask(t *testing.T, method, url string, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	server, err := edge.New(edge.DefaultConfig(), domain.DefaultLimits(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(domain.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	server.Mount(e)
	request := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+url, nil)
	for _, value := range fields {
		request.Header.Add("If-None-Match", value)
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, request)
	return answer
}

func TestPages(t *testing.T) {
	tags := map[string]bool{}
	for path, text := range map[string][]byte{"/openapi.yaml": OpenAPI, "/asyncapi.yaml": AsyncAPI} {
		got := ask(t, http.MethodGet, path)
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/yaml" || !bytes.Equal(got.Body.Bytes(), text) {
			t.Errorf("%s: %d %v, %d bytes of %d", path, got.Code, got.Header(), got.Body.Len(), len(text))
		}
		tag := got.Header().Get("ETag")
		if tag == "" || tags[tag] {
			t.Errorf("%s has the tag %s", path, tag)
		}
		tags[tag] = true
		for _, c := range []struct {
			known  []string
			status int
		}{
			{[]string{tag}, http.StatusNotModified},
			{[]string{"W/" + tag}, http.StatusNotModified},
			{[]string{`"another", ` + tag}, http.StatusNotModified},
			{[]string{`"another"`, tag}, http.StatusNotModified},
			{[]string{"*"}, http.StatusNotModified},
			{[]string{`"another"`}, http.StatusOK},
		} {
			got := ask(t, http.MethodGet, path, c.known...)
			if got.Code != c.status || got.Header().Get("ETag") != tag || (got.Body.Len() == 0) != (c.status == http.StatusNotModified) {
				t.Errorf("%s, If-None-Match %q: %d with %d bytes, %v", path, c.known, got.Code, got.Body.Len(), got.Header())
			}
		}
		if got := ask(t, http.MethodHead, path); got.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, got.Code)
		}
		if got := ask(t, http.MethodGet, path+"?format=json"); got.Code != http.StatusBadRequest {
			t.Errorf("%s with a parameter: %d", path, got.Code)
		}
	}
}
