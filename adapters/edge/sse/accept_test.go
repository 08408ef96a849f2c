package sse

import (
	"net/http"
	"testing"

	"culvert/domain"
)

func TestAccept(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                 typeSSE,
		"*/*":                              typeSSE,
		"text/event-stream":                typeSSE,
		"text/*":                           typeSSE,
		"Text/Event-Stream; charset=utf-8": typeSSE,
		"application/x-ndjson":             typeNDJSON,
		"application/*":                    typeNDJSON,
		"application/x-ndjson, */*":        typeNDJSON,
		"application/x-ndjson;q=0.5, text/event-stream": typeSSE,
		"application/x-ndjson, text/event-stream":       typeSSE,
		"text/event-stream;q=0, */*":                    typeNDJSON,
		"text/html, */*;q=0.1":                          typeSSE,
		"text/html":                                     "",
		"application/json":                              "",
		"text/event-stream;q=0":                         "",
		"garbage":                                       "",
	} {
		h := http.Header{}
		if accept != "" {
			h.Set("Accept", accept)
		}
		got, err := accepted(h)
		if got != want || (err != nil) != (want == "") || err != nil && domain.CodeOf(err) != domain.NotAcceptable {
			t.Errorf("%q: %q, %v, want %q", accept, got, err, want)
		}
	}
}
