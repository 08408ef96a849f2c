package routing

import (
	"fmt"
	"path"
	"strings"

	"culvert/domain"
)

// Route says what becomes of the topics of one name or pattern.
type Route struct {
	// Name is a topic, or a pattern in which `*` stands for any characters, also none.
	Name string
	// Allow is false for topics that nobody may know of.
	Allow bool
	// Hidden is true for topics that only who is let may know of: see Broker.Closed.
	Hidden bool
	// Broker names where they are; empty for the default broker.
	Broker string
	// Physical is how the broker knows them; empty where that is the same name. Beside a pattern, which then has one `*`, it has one
	// too, which stands for the same characters.
	Physical string
}

// Validate says what is wrong with the route, naming the keys of the configuration.
func (r Route) Validate() error {
	if err := checkPattern(r.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if r.Physical == "" {
		return nil
	}
	if err := checkPattern(r.Physical); err != nil {
		return fmt.Errorf("physical: %w", err)
	}
	stars := strings.Count(r.Name, "*")
	if stars > 1 || stars != strings.Count(r.Physical, "*") {
		return fmt.Errorf("physical is %q for the name %q: neither may have a `*`, or each must have one, so that a topic has one physical name and no other topic has it", r.Physical, r.Name)
	}
	return nil
}

// checkPattern says why no topic can have a name like this.
func checkPattern(pattern string) error {
	if _, err := domain.ParseTopic(strings.ReplaceAll(pattern, "*", "x")); err != nil {
		return fmt.Errorf("%q can be no topic: %s", pattern, domain.AsError(err).Detail)
	}
	return nil
}

// matches reports whether the route is about topic.
func (r Route) matches(topic domain.Topic) bool {
	// Of what means something to Match a valid name has `*` only.
	ok, err := path.Match(r.Name, string(topic))
	return ok && err == nil
}

// physical is what the broker calls topic, which the route matches.
func (r Route) physical(topic domain.Topic) (domain.Topic, error) {
	if r.Physical == "" {
		return topic, nil
	}
	name, _ := translate(r.Name, r.Physical, string(topic))
	physical, err := domain.ParseTopic(name)
	if err != nil {
		return "", domain.Errorf(domain.InvalidRequest, "topic %q cannot be in its broker: its name there would not be valid", topic)
	}
	return physical, nil
}

// logical is the topic of which the route makes physical; false where there is none.
func (r Route) logical(physical domain.Topic) (domain.Topic, bool) {
	name, ok := string(physical), true
	if r.Physical != "" {
		name, ok = translate(r.Physical, r.Name, name)
	}
	topic, err := domain.ParseTopic(name)
	return topic, ok && err == nil && r.matches(topic)
}

// translate puts what name has in the place of from's `*` into the place of to's; false where name is not like from.
func translate(from, to, name string) (string, bool) {
	head, tail, star := strings.Cut(from, "*")
	if !star {
		return to, name == from
	}
	if len(name) < len(head)+len(tail) || !strings.HasPrefix(name, head) || !strings.HasSuffix(name, tail) {
		return "", false
	}
	return strings.Replace(to, "*", name[len(head):len(name)-len(tail)], 1), true
}
