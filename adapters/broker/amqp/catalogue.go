package amqp

import (
	"context"
	"path"
	"slices"
	"strings"

	"culvert/domain"
)

// Topics implements ports.Catalogue: the durable exchanges that are topics by their names, or by the topology. It is Unsupported without the management plugin.
func (b *Broker) Topics(ctx context.Context) ([]domain.Topic, error) {
	if b.management == nil {
		return nil, errNoManagement()
	}
	list, err := b.management.exchanges(ctx)
	if err != nil {
		return nil, err
	}
	topics := make(map[domain.Topic]bool, len(list))
	for _, e := range list {
		if e.Durable && !e.Internal {
			for _, topic := range b.cfg.topicsOf(e.Name) {
				topics[topic] = true
			}
		}
	}
	names := make([]domain.Topic, 0, len(topics))
	for topic := range topics {
		names = append(names, topic)
	}
	return names, nil
}

// topicsOf are the topics that lie in an exchange. Where a pattern of topics lies in a single exchange nobody can tell them.
func (c Config) topicsOf(exchange string) []domain.Topic {
	var topics []domain.Topic
	add := func(name string) {
		topic, err := domain.ParseTopic(name)
		if err == nil && c.layout(topic).exchange == exchange {
			topics = append(topics, topic)
		}
	}
	if !strings.HasPrefix(exchange, "amq.") { // the server's own
		add(exchange)
	}
	for _, t := range c.Topology {
		template := t.Exchange
		if template == "" {
			continue
		}
		if !strings.Contains(t.Topic, "*") {
			add(t.Topic)
		} else if name, ok := cut(template, topicVariable, exchange); ok {
			if fits, _ := path.Match(t.Topic, name); fits {
				add(name)
			}
		}
	}
	return topics
}

// Queues implements ports.QueueCatalogue: the queues that are bound to the topic's exchange and have such names. It is Unsupported without the management plugin.
func (b *Broker) Queues(ctx context.Context, topic domain.Topic) ([]domain.QueueInfo, error) {
	if b.management == nil {
		return nil, errNoManagement()
	}
	l := b.cfg.layout(topic)
	names, err := b.management.bound(ctx, l)
	if err != nil {
		return nil, err
	}
	counts, err := b.management.messages(ctx)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var queues []domain.QueueInfo
	for _, name := range slices.Compact(names) { // some are bound more than once
		count, there := counts[name]
		queue, ok := l.queueOf(name)
		if !ok || !there {
			continue
		}
		info := domain.QueueInfo{Queue: queue, Lag: domain.LagUnknown}
		if count != nil {
			info.Lag = *count
		}
		queues = append(queues, info)
	}
	return queues, nil
}

// queueOf is the queue of the topic that a name in the server stands for. A topic with one queue, whatever members call it, has it under the server's name.
func (l layout) queueOf(name string) (domain.Queue, bool) {
	if name == l.log { // which a template for queues may fit
		return "", false
	}
	queue, ok := cut(l.queues, queueVariable, name)
	if !strings.Contains(l.queues, queueVariable) {
		queue, ok = name, name == l.queues
	}
	parsed, err := domain.ParseQueue(l.topic, queue)
	return parsed, ok && err == nil
}

// cut gives what stands in a name where its template has a variable.
func cut(template, variable, name string) (string, bool) {
	before, after, ok := strings.Cut(template, variable)
	if !ok || len(name) < len(before)+len(after) || !strings.HasPrefix(name, before) || !strings.HasSuffix(name, after) {
		return "", false
	}
	return name[len(before) : len(name)-len(after)], true
}

func errNoManagement() error {
	return domain.Errorf(domain.Unsupported, "this broker lists its topics and queues only where its management plugin is configured (amqp.management)")
}
