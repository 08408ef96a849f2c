package queue

import (
	"context"
	"math"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

const (
	// redriveBatch is how many letters are under way at a time.
	redriveBatch = 100
	// redriveSilence is how long no letter has to come to be taken for the end where their number is not known.
	redriveSilence = 3 * time.Second
	// redrivePatience is for how many such silences a redrive waits to be given the letters at all, which another node may be sending back.
	redrivePatience = 10
	// redriveAside is how many letters that the broker refuses for good a redrive keeps aside. With more it ends early.
	redriveAside = 900
)

// Redrive implements ports.QueueAdmin. Letters keep key, payload and headers, but for what made letters of them.
func (s *Service) Redrive(ctx context.Context, topic domain.Topic, queue domain.Queue, limit int64) (sent int64, err error) {
	of := name{topic, queue}
	set, err := s.cfg.settings(topic, queue, s.broker.Capabilities(topic))
	if err != nil {
		return 0, err
	}
	by, ok := s.cfg.redriver(of, set)
	if !ok {
		return 0, domain.Errorf(domain.UnknownTopic, "queue %q of topic %q has no dead letters that could be sent back: it never gives a message up, or the name of its dead-letter topic is too long", queue, topic)
	}
	if _, err := s.progress(ctx, topic, queue); err != nil {
		return 0, err
	}
	from, there, err := s.letters(ctx, by)
	if err != nil || there == 0 {
		return 0, err
	}
	if limit == 0 {
		limit = there
	}
	// The member outlives a request that ends, as what the broker has taken by then is settled still.
	life, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	defer leave(nil)
	in := context.AfterFunc(ctx, func() { leave(context.Cause(ctx)) })
	m, err := s.joinLetters(life, by, from)
	in()
	if err != nil {
		return 0, err
	}
	defer s.leaveLetters(ctx, m)
	r := redrive{service: s, of: of, by: by, member: m, there: there, limit: limit}
	if there == math.MaxInt64 { // or messages that die at once would go round for ever
		r.until = time.Now()
	}
	if err = r.run(ctx); err == nil && r.sent < limit {
		err = r.refused
	}
	return r.sent, err
}

// redrive is one run of sending letters back.
type redrive struct {
	service *Service
	of      name // whose letters they are
	by      name // what sends them back
	member  ports.Member
	there   int64     // how many letters are looked at, at most
	limit   int64     // how many of them are sent, at most: the others are another queue's
	until   time.Time // a letter that was made later is the end; zero where the number of letters is known
	sent    int64
	seen    int64
	silent  int
	refused error // why a letter cannot be sent back at all; nil where each could
}

// run ends when so many letters were seen or sent, or no more come.
func (r *redrive) run(ctx context.Context) error {
	assigned := r.member.Ready().Assigned
	for r.seen < r.there && r.sent < r.limit {
		events, err := r.member.Next(ctx, int(min(r.there-r.seen, r.limit-r.sent, redriveBatch)))
		if err != nil {
			return ended(err)
		}
		var letters []domain.Event
		var late []string
		for _, e := range events {
			switch {
			case e.Assigned != nil:
				assigned = *e.Assigned
			case e.Message != nil && !r.until.IsZero() && e.Message.Time.After(r.until):
				late = append(late, e.Receipt)
			case e.Message != nil:
				letters = append(letters, e)
			}
		}
		r.seen += int64(len(letters))
		if err := r.sendBack(ctx, letters); err != nil {
			return err
		}
		if len(late) > 0 {
			r.member.Nack(0, late...)
			return nil
		}
		switch r.silent++; {
		case len(events) > 0:
			r.silent = 0
		case assigned > 0:
			return r.over(ctx)
		case r.silent >= redrivePatience:
			return domain.Errorf(domain.Unavailable, "the dead letters of queue %q of topic %q are at another server, which may be sending them back", r.of.queue, r.of.topic)
		}
	}
	return nil
}

// over is nil where a silence means that there are no more letters. A server that shuts down gives nothing, whatever there is, and neither does a broker that is away.
func (r *redrive) over(ctx context.Context) error {
	if err := r.service.serving(); err != nil {
		return err
	}
	if _, err := r.service.progress(ctx, r.by.topic, r.by.queue); domain.CodeOf(err).Retryable() {
		return err
	}
	return nil
}

// ended is why a redrive's membership is over, for whoever asked for it.
func ended(err error) error {
	if domain.CodeOf(err) == domain.Internal {
		return domain.Errorf(domain.Unavailable, "sending dead letters back was ended").Because(err)
	}
	return err
}

// sendBack publishes letters and settles those that the broker has confirmed, and those that are another queue's. The others are handed back, but
// for those that are refused for good: they are kept until the redrive ends, out of the way of all that follows them.
func (r *redrive) sendBack(ctx context.Context, letters []domain.Event) error {
	var batch []*domain.Message
	var receipts, done []string
	for _, e := range letters {
		if m := r.of.revive(e.Message); m != nil {
			batch, receipts = append(batch, m), append(receipts, e.Receipt)
		} else {
			done = append(done, e.Receipt)
		}
	}
	outcomes := r.publish(ctx, batch)
	var failure error
	var left []string
	for i, receipt := range receipts {
		switch err := outcomes[i]; {
		case err == nil:
			done = append(done, receipt)
			r.sent++
		case forGood(err):
			r.refused = err
		default:
			failure, left = err, append(left, receipt)
		}
	}
	r.member.Done(done...)
	r.member.Nack(0, left...)
	return failure
}

// forGood reports whether err is what a broker has against one message, whenever it is published.
func forGood(err error) bool {
	code := domain.CodeOf(err)
	return code == domain.TooLarge || code == domain.InvalidRequest
}

// publish returns when the broker has told what became of each message.
func (r *redrive) publish(ctx context.Context, batch []*domain.Message) []error {
	if len(batch) == 0 {
		return nil
	}
	outcomes := make([]error, len(batch))
	var under sync.WaitGroup
	under.Add(len(batch))
	r.service.broker.Publish(ctx, r.of.topic, batch, func(i int, _ domain.Ack, err error) {
		outcomes[i] = err
		under.Done()
	})
	under.Wait()
	return outcomes
}
