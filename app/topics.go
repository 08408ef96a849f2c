package app

import (
	"fmt"
	"path"

	"culvert/adapters/broker/kafka"
	"culvert/adapters/broker/routing"
	"culvert/domain"
)

// route is the rule as the router of topics knows it.
func (t Topic) route() routing.Route {
	return routing.Route{Name: t.Name, Allow: t.Allow, Hidden: t.Hidden, Broker: t.Broker, Physical: t.Physical}
}

// validateTopics checks the rules one by one.
func (c Config) validateTopics() (problems []error) {
	for i, t := range c.Topics {
		refuse := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("topics[%d].%w", i, fmt.Errorf(format, args...)))
		}
		if err := t.route().Validate(); err != nil {
			refuse("%w", err)
		}
		switch {
		case t.Create.Partitions < 0:
			refuse("create.partitions is %d: it must be 0, for no topic to be made, or more", t.Create.Partitions)
		case t.Create.Replicas < 0:
			refuse("create.replicas is %d: it must be 0, for what the cluster does by default, or more", t.Create.Replicas)
		case t.Create.Replicas > 0 && t.Create.Partitions == 0:
			refuse("create.replicas is %d without create.partitions, so no topic would be made", t.Create.Replicas)
		case !t.Allow && (t.Hidden || t.Broker != "" || t.Physical != "" || t.Create != Create{}):
			refuse("allow is false, so hidden, broker, physical and create mean nothing")
		}
	}
	return problems
}

// creator tells the broker of that name of the rules by which it makes topics, which it knows by their physical names. The first rule that fits one counts.
func (c Config) creator(broker string) func(domain.Topic) (kafka.CreateSpec, bool) {
	return func(physical domain.Topic) (kafka.CreateSpec, bool) {
		for _, t := range c.Topics {
			at, pattern := t.Broker, t.Physical
			if at == "" {
				at = c.Broker
			}
			if pattern == "" {
				pattern = t.Name
			}
			if fits, err := path.Match(pattern, string(physical)); at != broker || err != nil || !fits {
				continue
			}
			spec := kafka.CreateSpec{Partitions: int32(t.Create.Partitions), Replicas: int16(t.Create.Replicas)}
			if spec.Replicas == 0 {
				spec.Replicas = -1
			}
			return spec, t.Create.Partitions > 0
		}
		return kafka.CreateSpec{}, false
	}
}
