package app

import (
	"fmt"
	"strings"

	"culvert/adapters/edge/routes"
	"culvert/domain"
)

// validateRoutes checks the routes, and that what they name may be used. Which topics one with variables leads to is for its clients to say; it is judged as they do.
func (c Config) validateRoutes() []error {
	problems := []error{routes.Validate(c.Routes)}
	for i, r := range c.Routes {
		if strings.Contains(r.Topic, "{") {
			continue
		}
		for j, t := range c.Topics {
			if !domain.Pattern(t.Name).Matches(domain.Topic(r.Topic)) {
				continue
			}
			if !t.Allow {
				problems = append(problems, fmt.Errorf("routes[%d].topic is %q, which topics[%d] allows nobody; to keep it for routes say hidden: true there, not allow: false", i, r.Topic, j))
			}
			break
		}
	}
	return problems
}
