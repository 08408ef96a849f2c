package app

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What GET / tells was kept by hand beside what the edges serve, and nothing held the two together.
func TestTheFrontListsTheRoutesThatTheServerHas(t *testing.T) {
	a := start(t, OnFreePorts())
	var front struct {
		Links  map[string]string
		Routes []struct{ Method, Path string }
	}
	if err := json.Unmarshal([]byte(ask(t, http.MethodGet, a.URL()+"/", "").body), &front); err != nil {
		t.Fatal(err)
	}
	var told, had []string
	for _, r := range front.Routes {
		path, _, _ := strings.Cut(r.Path, "?")
		told = append(told, r.Method+" "+path)
	}
	for _, r := range a.servers[0].Mounted() {
		method, path, _ := strings.Cut(r, " ")
		switch {
		case method == http.MethodHead, path == "/": // HEAD goes wherever GET does
		case strings.HasPrefix(path, "/v1/"):
			had = append(had, r)
		default:
			found := false
			for _, link := range front.Links {
				found = found || link == path
			}
			if !found {
				t.Errorf("%s is neither listed nor linked to", r)
			}
		}
	}
	slices.Sort(told)
	slices.Sort(had)
	if !slices.Equal(told, had) {
		t.Errorf("the front lists\n%s\nthe server has\n%s", strings.Join(told, "\n"), strings.Join(had, "\n"))
	}
	for what, link := range front.Links {
		if got := ask(t, http.MethodGet, a.URL()+link, ""); got.status != http.StatusOK {
			t.Errorf("its link to %s is %s: %d", what, link, got.status)
		}
	}
}
