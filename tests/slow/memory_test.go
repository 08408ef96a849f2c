package slow

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
)

var alive = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// heapOf is what the bridge's heap holds once its garbage is collected.
func heapOf(t *testing.T, b *bridge.Bridge) int {
	t.Helper()
	text := get(t, b.Admin+"/debug/pprof/heap?gc=1&debug=1")
	n, err := strconv.Atoi(alive.FindStringSubmatch(text)[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := operators.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return string(text)
}

// series is the value of a metric.
func series(t *testing.T, b *bridge.Bridge, name string) int {
	t.Helper()
	_, rest, ok := strings.Cut(get(t, b.Admin+"/metrics"), "\n"+name+" ")
	if !ok {
		t.Fatalf("there is no series %s", name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

var operators = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
