// Package access keeps strangers from topics that are not theirs. It stands between the edges and the services: a hidden topic is not allowed by its name, exactly as one that
// nobody may use, but to requests that came by a route of the operator's own which names it, and to those on the operators' listener.
package access

import (
	"context"

	"github.com/labstack/echo/v4"

	"culvert/adapters/edge"
	"culvert/domain"
)

// Closed is nil for a topic that anybody may name; else, also where nobody may use the topic, the NotAllowed error that tells a stranger nothing. It does not block.
type Closed func(domain.Topic) error

// check is nil where the request of ctx may name topic. Whether there is something to be had is for the services to say.
func (c Closed) check(ctx context.Context, topic domain.Topic) error {
	if err := c(topic); err != nil && !edge.Reaches(ctx, topic) {
		return err
	}
	return nil
}

// Operators implements edge.Routes: on a server that has it nothing is hidden.
type Operators struct{}

var _ edge.Routes = Operators{}

// Register implements edge.Routes.
func (Operators) Register(router *echo.Echo) {
	router.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			c.SetRequest(r.WithContext(edge.ReachingAll(r.Context())))
			return next(c)
		}
	})
}
