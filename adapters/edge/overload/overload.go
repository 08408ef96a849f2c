// Package overload refuses new work while the node has no room for it, so that there is room for what is under way. It stands between the edges and the services: first what is new for long (views,
// members of queues), then messages too. What is open goes on, what was taken is answered, and leases can be settled.
package overload

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
)

// Guard knows whether there is room. Its functions are asked with each request and each message, and must not block.
type Guard struct {
	// Streams reports whether no more views and memberships are to be opened.
	Streams func() bool
	// Messages reports whether no more messages are to be taken either.
	Messages func() bool
}

// errOverloaded is what a refused client is told: as a status that the node is not available, and that this passes; as the end of a stream that the node is overloaded.
var errOverloaded = &domain.Bye{
	Reason: domain.ByeOverload, Reconnect: true,
	Cause: domain.Errorf(domain.Unavailable, "this node has no memory left for more (limits.memory_bytes): what is open goes on; come back later, another node may answer"),
}

var _ edge.Routes = Guard{}

// Register implements edge.Routes: while no messages are taken, requests that would cost memory before their message could be refused are refused by their head. So is a new WebSocket, by its status: to
// tell it in a close, it would have to be opened.
func (g Guard) Register(router *echo.Echo) {
	router.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if costly(c.Request()) && g.Messages() {
				return errOverloaded
			}
			return next(c)
		}
	})
}

// small is how long a body may be that is read all the same, as those are that settle leases.
const small = 64 << 10

func costly(r *http.Request) bool {
	return r.ContentLength > small || r.ContentLength < 0 && !strings.HasSuffix(r.URL.Path, "/done") || r.Header.Get("Sec-WebSocket-Key") != ""
}
