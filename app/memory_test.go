package app

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A bridge that was short of memory took on new work until it was killed.
func TestABridgeShortOfMemoryRefusesNewWorkUntilThereIsRoom(t *testing.T) {
	cfg := OnFreePorts()
	cfg.Limits.MemoryBytes = 128 << 20
	a := start(t, cfg)
	web := client(t)
	inject := func() int {
		answer, err := web.Post(a.URL()+"/v1/topics/orders/messages", "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	ready := func() (state readiness) {
		answer, err := web.Get(a.AdminURL() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(&state); err != nil {
			t.Fatal(err)
		}
		return state
	}
	becomes := func(overloaded bool) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for until := time.Now().Add(20 * time.Second); ready().Overloaded != overloaded; <-tick.C {
			if time.Now().After(until) {
				t.Fatalf("never overloaded: %t", overloaded)
			}
		}
	}
	if status := inject(); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	ballast := make([]byte, 112<<20)
	runtime.GC()
	becomes(true)
	if status := inject(); status != http.StatusServiceUnavailable {
		t.Errorf("status %d without memory", status)
	}
	if ready().Ready {
		t.Error("it is ready")
	}
	runtime.KeepAlive(ballast)
	becomes(false)
	if status := inject(); status != http.StatusOK || !ready().Ready {
		t.Errorf("status %d when there is room again", status)
	}
}
