package subscribe

import (
	"context"
	"errors"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// feed is the one reader of a topic in this node.
type feed struct {
	topic  domain.Topic
	close  context.CancelCauseFunc
	opened chan struct{} // closed when log or err is set
	log    *log
	err    error
	bells  bells

	viewers int         // guarded by the service's mutex, as is
	linger  *time.Timer // what closes the feed after its last viewer
}

func newFeed(topic domain.Topic) (*feed, context.Context) {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &feed{topic: topic, close: cancel, opened: make(chan struct{})}, ctx
}

// run reads the topic until ctx ends or the broker's sequence does. forget is called as soon as no viewer may be added.
func (f *feed) run(ctx context.Context, broker ports.Tailer, cfg Config, forget func()) {
	defer f.close(nil)
	giveUp := time.AfterFunc(cfg.OpenTimeout, func() {
		f.close(domain.Errorf(domain.Unavailable, "the broker of topic %q did not answer within %v", f.topic, cfg.OpenTimeout))
	})
	opening, chunks, err := broker.Tail(ctx, f.topic, domain.StartLatest())
	giveUp.Stop()
	if err != nil {
		f.err = cause(ctx, err)
		forget()
		close(f.opened)
		f.bells.ringAll()
		return
	}
	f.log = newLog(f.topic, cfg.Window, opening.Vector, &f.bells)
	close(f.opened)
	f.bells.ringAll()

	err = domain.Errorf(domain.Unavailable, "the broker ended the reading of topic %q", f.topic)
	for chunk, failed := range chunks {
		if failed != nil {
			err = cause(ctx, failed)
			break
		}
		f.log.append(chunk, time.Now())
	}
	forget()
	f.log.finish(err)
}

// cause prefers why ctx was cancelled to the error that came of it.
func cause(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(why, context.Canceled) {
		return why
	}
	if ctx.Err() != nil {
		return domain.Errorf(domain.Unavailable, "this node is shutting down").Because(err)
	}
	return err
}

// ready is the feed's log, nil until it is opened.
func (f *feed) ready() *log {
	select {
	case <-f.opened:
		return f.log
	default:
		return nil
	}
}
