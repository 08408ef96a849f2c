package amqp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// Broker is a RabbitMQ. It implements ports.Broker, ports.Creator, ports.QueueKeeper and ports.QueueCreator; with the management plugin also ports.Catalogue and ports.QueueCatalogue.
type Broker struct {
	cfg Config
	log *slog.Logger
	// What is published blocks whatever else its connection carries while the server has an alarm.
	publishing *link
	publisher  *publisher
	viewing    *link
	tails      atomic.Int64 // how many views there are
	joining    *link
	// logless is whether the server was found to have no streams.
	logless    atomic.Bool
	epochs     epochs
	making     making
	bound      bound
	management *management // nil where none is configured
	unbinding  sync.Once   // the log was told that we may not bind
}

// New makes the adapter. It does not connect: an unreachable server is no reason not to start. It fails when a setting cannot be, or a file that it
// names cannot be read.
func New(cfg Config, log *slog.Logger) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Prefetch == 0 {
		cfg.Prefetch = 1000
	}
	secure, err := cfg.secure()
	if err != nil {
		return nil, err
	}
	management, err := newManagement(cfg, secure, log)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		cfg:        cfg,
		log:        log,
		publishing: newLink(cfg, "publishing", secure, log),
		viewing:    newLink(cfg, "views", secure, log),
		joining:    newLink(cfg, "queues", secure, log),
		management: management,
	}
	b.publisher = newPublisher(b)
	return b, nil
}

// Capabilities implements ports.Describer. Until the server has been reached it is taken to be a RabbitMQ that has streams.
func (b *Broker) Capabilities(topic domain.Topic) domain.Capabilities {
	l := b.cfg.layout(topic)
	var can domain.Capabilities
	if l.log != "" && !b.logless.Load() {
		can = append(can, domain.History, domain.SeekTime)
	}
	can = append(can, domain.KeyOrder)
	if b.management != nil {
		can = append(can, domain.Lag, domain.Catalogue)
	}
	if b.cfg.CreateTopics && !l.passive {
		can = append(can, domain.Create)
	}
	return can
}

// learn finds out whether the server at the other end has streams.
func (b *Broker) learn(conn *amqp091.Connection) bool {
	has := b.cfg.Streams == streamsOn || b.cfg.Streams == streamsAuto && hasStreams(conn.Properties)
	b.logless.Store(!has)
	return has
}

// Ensure implements ports.Creator.
func (b *Broker) Ensure(ctx context.Context, topic domain.Topic) error {
	_, err := b.ensure(ctx, b.viewing, topic)
	return err
}

// Ping implements ports.Lifecycle. The server has to answer: a network that carries nothing leaves the connection as it is until heartbeats are missed.
func (b *Broker) Ping(ctx context.Context) error {
	ch, err := b.viewing.channel(ctx)
	if errors.Is(err, amqp091.ErrChannelMax) { // views have them all, and heartbeats watch over those
		return nil
	}
	if err != nil {
		return translate("", err)
	}
	ch.close()
	return nil
}

// Close implements ports.Lifecycle.
func (b *Broker) Close(ctx context.Context) error {
	b.publisher.close(ctx)
	for _, l := range []*link{b.publishing, b.joining, b.viewing} {
		l.close(ctx)
	}
	b.publisher.wait()
	return nil
}
