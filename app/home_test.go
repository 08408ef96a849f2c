package app

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
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
	variable := regexp.MustCompile(`:([a-z]+)`)
	for _, r := range a.servers[0].Handler().(*echo.Echo).Routes() {
		switch {
		case r.Method == http.MethodHead, r.Method == echo.RouteNotFound, r.Path == "/": // HEAD goes wherever GET does
		case strings.HasPrefix(r.Path, "/v1/"):
			had = append(had, r.Method+" "+variable.ReplaceAllString(r.Path, "{$1}"))
		default:
			found := false
			for _, link := range front.Links {
				found = found || link == r.Path
			}
			if !found {
				t.Errorf("%s %s is neither listed nor linked to", r.Method, r.Path)
			}
		}
	}
	slices.Sort(told)
	slices.Sort(had)
	if !slices.Equal(told, had) {
		t.Errorf("the front lists\n%s\nthe server has\n%s", strings.Join(told, "\n"), strings.Join(had, "\n"))
	}
}
