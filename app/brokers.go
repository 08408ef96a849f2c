package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"culvert/adapters/broker/amqp"
	"culvert/adapters/broker/inproc"
	"culvert/adapters/broker/kafka"
	"culvert/adapters/broker/routing"
	"culvert/ports"
)

// The kinds of brokers.
const (
	kindInProc = "inproc"
	kindKafka  = "kafka"
	kindAMQP   = "amqp"
)

var kinds = []string{kindInProc, kindKafka, kindAMQP}

// newBroker is the one place where a kind becomes a broker. A further kind is a case here, a section in Config and Cluster, and a line in kinds.
func newBroker(c Cluster, log *slog.Logger) (ports.Broker, error) {
	switch c.Kind {
	case kindInProc:
		return inproc.New(c.InProc)
	case kindKafka:
		return kafka.New(c.Kafka, log.With("broker", c.Name))
	case kindAMQP:
		return amqp.New(c.AMQP, log.With("broker", c.Name))
	}
	return nil, unknownKind(c.Kind)
}

func unknownKind(kind string) error {
	return fmt.Errorf("there is no kind of broker %q: it is one of %s%s", kind, strings.Join(kinds, ", "), suggestion(kind, kinds))
}

// cluster is the broker of that name: one of Brokers, or else a kind, of which the section at the top counts.
func (c Config) cluster(name string) (Cluster, error) {
	for _, cluster := range c.Brokers {
		if cluster.Name == name {
			return cluster, nil
		}
	}
	if slices.Contains(kinds, name) {
		return Cluster{Name: name, Kind: name, InProc: c.InProc, Kafka: c.Kafka, AMQP: c.AMQP}, nil
	}
	known := slices.Clone(kinds)
	for _, cluster := range c.Brokers {
		known = append(known, cluster.Name)
	}
	return Cluster{}, fmt.Errorf("there is no broker %q: it is one of %s%s", name, strings.Join(known, ", "), suggestion(name, known))
}

// usedBrokers are the names of the brokers that a topic can live at, the default first, each once.
func (c Config) usedBrokers() []string {
	used := []string{c.Broker}
	for _, t := range c.Topics {
		if t.Broker != "" && !slices.Contains(used, t.Broker) {
			used = append(used, t.Broker)
		}
	}
	return used
}

// makeBrokers makes those that are used and not there yet, and the one that sends each topic to its own. Where one cannot be made, those that were are closed.
func (a *App) makeBrokers() (err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, b := range a.brokers {
			err = errors.Join(err, b.Close(context.Background()))
		}
	}()
	for _, name := range a.cfg.usedBrokers() {
		if a.brokers[name] != nil {
			continue
		}
		cluster, err := a.cfg.cluster(name)
		if err != nil {
			return err
		}
		cluster.Kafka.Create = a.cfg.creator(name)
		cluster.AMQP.Prefetch = min(a.cfg.Queue.Window, amqp.MaxPrefetch)
		b, err := newBroker(cluster, a.log)
		if err != nil {
			return fmt.Errorf("broker %s: %w", name, err)
		}
		a.brokers[name] = b
	}
	routes := make([]routing.Route, len(a.cfg.Topics))
	for i, t := range a.cfg.Topics {
		routes[i] = t.route()
	}
	a.routed, err = routing.New(routes, a.brokers, a.cfg.Broker)
	return err
}
