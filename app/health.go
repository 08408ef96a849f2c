package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"time"

	"culvert/adapters/machine"
)

// pingTimeout is how long a broker may take to prove that it is there. It is under the second or more that probes wait.
const pingTimeout = 900 * time.Millisecond

// readiness is the answer to /readyz.
type readiness struct {
	Ready    bool `json:"ready"`
	Stopping bool `json:"stopping,omitempty"`
	// Overloaded says that memory is so short that new streams and sockets are refused.
	Overloaded bool `json:"overloaded,omitempty"`
	// Unreachable says of each broker that is not there why.
	Unreachable map[string]string `json:"unreachable,omitempty"`
}

// operate is what operators have besides the edges. Probes and scrapers come with any Host; the rest goes through an edge server, which looks at it.
func (a *App) operate(edges http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]bool{"live": true})
	})
	mux.HandleFunc("GET /readyz", a.serveReadiness)
	mux.Handle("GET /metrics", a.metrics.Handler())
	if a.cfg.Admin.PProf {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	mux.Handle("/", edges)
	return mux
}

func (a *App) serveReadiness(w http.ResponseWriter, r *http.Request) {
	state := a.readiness(r.Context())
	status := http.StatusOK
	if !state.Ready {
		status = http.StatusServiceUnavailable
	}
	answerJSON(w, status, state)
}

// readiness asks all brokers whether they are there. It blocks at most for pingTimeout.
func (a *App) readiness(ctx context.Context) readiness {
	if !a.ready.Load() {
		return readiness{Stopping: true}
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	overloaded := a.memory.Load() != machine.Light
	state := readiness{Ready: !overloaded, Overloaded: overloaded, Unreachable: make(map[string]string)}
	for name, err := range a.routed.Health(ctx) {
		if err != nil {
			state.Ready, state.Unreachable[name] = false, err.Error()
		}
	}
	return state
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone wants no answer
}
