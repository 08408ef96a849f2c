package amqp

import (
	"context"
	"sync"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// making are the logs that this node has asked the server to make, by name. The server tells of a stream before it knows how to read from it, and takes the whole connection from who
// does so in between (INTERNAL_ERROR; measured with 3.10.8, where the first stream after a start takes longest). So nobody goes on to read before the one who makes it has been answered.
type making struct {
	mu   sync.Mutex // guards logs
	logs map[string]chan struct{}
}

// begin says that a log is being made, until made is called. Nil: somebody else makes it.
func (m *making) begin(log string) (made func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs[log] != nil {
		return nil
	}
	if m.logs == nil {
		m.logs = map[string]chan struct{}{}
	}
	ended := make(chan struct{})
	m.logs[log] = ended
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.logs, log)
		close(ended)
	}
}

// of is closed when a log has been made, or could not be; nil where nobody makes it.
func (m *making) of(log string) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.logs[log]
}

// ensureLog is ensureQueue for a log, which can be read when it returns.
func (b *Broker) ensureLog(ctx context.Context, d *declarer, create bool, log string) error {
	for {
		err := d.ensureQueue(ctx, false, log, nil)
		absent := create && code(err) == amqp091.NotFound
		if err != nil && !absent {
			return err
		}
		if absent {
			if made := b.making.begin(log); made != nil {
				defer made()
				return d.ensureQueue(ctx, true, log, b.cfg.logArguments())
			}
		}
		others := b.making.of(log)
		switch {
		case others == nil && absent: // they are done since
			continue
		case others == nil:
			return nil
		}
		select {
		case <-others:
		case <-ctx.Done():
			return domain.Errorf(domain.Unavailable, "the broker did not answer in time").Because(context.Cause(ctx))
		}
	}
}
