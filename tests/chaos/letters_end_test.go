package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"culvert/tests/oracle"
)

// TestLettersAreReadToTheirEnd has a bridge that loses its broker while the dead letters are read: what came until then is not all of them.
func TestLettersAreReadToTheirEnd(t *testing.T) {
	want := []oracle.Note{{Publisher: 1, Key: "k", N: 2}, {Publisher: 1, Key: "k", N: 5}}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i, n := range want[:min(asked, len(want))] {
			fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, n)
		}
		reason := "end"
		if asked < len(want) {
			reason = "unavailable"
		}
		fmt.Fprintf(w, "event: bye\ndata: {\"reason\":%q}\n\n", reason)
		asked++
	}))
	defer server.Close()
	l := &load{trial: &trial{T: t, name: "t", door: func() string { return server.URL }}}
	if got := l.letters(); !slices.Equal(got, want) {
		t.Errorf("the dead letters are %v, want %v", got, want)
	}
}
