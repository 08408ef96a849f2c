// Package admin tells operators, and the console, of the node: what it is, how it fares, by which settings it runs. It is served on the operators' listener only.
package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// Services are what the edge asks.
type Services struct {
	Node   Node
	Topics ports.Topics
	Queues ports.QueueAdmin
	Feeds  ports.Feeds
	// Connections are those of all servers.
	Connections *edge.Connections
}

// Node is what is known of the process as a whole. Its methods may be called from any goroutine.
type Node interface {
	Info() Info
	// Brokers asks the brokers whether they are there, for about a second at most.
	Brokers(ctx context.Context) []BrokerHealth
	// Health asks them, too.
	Health(ctx context.Context) Health
	// Settings are all values of the configuration, in the order of its file, without secrets.
	Settings() []Setting
}

// Edge implements edge.Routes.
type Edge struct {
	Services
	limits domain.Limits
}

var _ edge.Routes = (*Edge)(nil)

// New makes the edge.
func New(services Services, limits domain.Limits) (*Edge, error) {
	return &Edge{Services: services, limits: limits}, limits.Validate()
}

// Register implements edge.Routes.
func (e *Edge) Register(r *echo.Echo) {
	documents := []string{http.MethodGet, http.MethodHead}
	r.Match(documents, "/admin/info", edge.Handle(e.plain(func(context.Context) any { return e.Node.Info() })))
	r.Match(documents, "/admin/health", edge.Handle(e.plain(func(ctx context.Context) any { return e.Node.Health(ctx) })))
	r.Match(documents, "/admin/config", edge.Handle(e.plain(func(context.Context) any { return e.Node.Settings() })))
	r.Match(documents, "/admin/topics", edge.Handle(e.plain(func(ctx context.Context) any { return e.topics(ctx) })))
	r.Match(documents, "/admin/connections", edge.Handle(e.connections))
	r.DELETE("/admin/connections/:id", edge.Handle(e.disconnect))
}

// plain answers with a document that has no parameters.
func (e *Edge) plain(document func(ctx context.Context) any) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
			return err
		}
		return respond(w, document(r.Context()))
	}
}

func respond(w http.ResponseWriter, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // for a HEAD too
	// A client that is gone by now needs no answer.
	_, _ = w.Write(append(body, '\n'))
	return nil
}
