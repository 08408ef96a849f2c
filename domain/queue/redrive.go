package queue

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// headerRedriven names, as topic/queue, the queue to which a message was sent back, and which alone is given it.
const headerRedriven = "culvert-redriven"

// Dead letters are sent back by a queue of their own topic, so that its place is remembered, and each of them is sent back once.
const redriveQueue = "redrive"

const (
	// redriveBatch is how many letters are under way at a time.
	redriveBatch = 100
	// redriveSilence is how long no letter has to come to be taken for the end where their number is not known.
	redriveSilence = 3 * time.Second
	// redrivePatience is for how many such silences a redrive waits to be given the letters at all, which another node may be sending back.
	redrivePatience = 10
)

// redriver is what the dead letters of a queue are sent back by; false where the queue has none, or the names would become too long.
func (c Config) redriver(of name, set settings) (name, bool) {
	if set.deadLetter == "" {
		return name{}, false
	}
	template := c.DeadLetter
	if r := c.rule(of.topic, of.queue); r.DeadLetter != "" {
		template = r.DeadLetter
	}
	by := redriveQueue
	if !strings.Contains(template, "{queue}") { // several queues share the dead-letter topic
		by = string(of.queue) + "." + by
	}
	if !strings.Contains(template, "{topic}") {
		by = string(of.topic) + "." + by
	}
	queue, err := domain.ParseQueue(set.deadLetter, by)
	return name{set.deadLetter, queue}, err == nil
}

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
	r := redrive{service: s, of: of, member: m, there: there, limit: limit}
	if there == math.MaxInt64 { // or messages that die at once would go round for ever
		r.until = time.Now()
	}
	err = r.run(ctx)
	return r.sent, err
}

// letters tells how many dead letters there are at most, and where the queue that sends them back has to begin where it has not.
func (s *Service) letters(ctx context.Context, by name) (from *domain.Start, there int64, err error) {
	progress, err := s.progress(ctx, by.topic, by.queue)
	switch domain.CodeOf(err) {
	case domain.UnknownTopic:
		return nil, 0, nil
	case domain.UnknownQueue:
	default:
		if err == nil && progress.Lag == domain.LagUnknown {
			return nil, math.MaxInt64, nil
		}
		return nil, progress.Lag, err
	}
	if err := s.keepLetters(ctx, by); err == nil {
		return nil, 0, nil // it begins now, with none
	} else if domain.CodeOf(err) != domain.Unsupported {
		return nil, 0, err
	}
	info, err := s.broker.Describe(ctx, by.topic)
	for _, p := range info.Partitions {
		there += p.End - p.First
	}
	earliest := domain.StartEarliest()
	return &earliest, there, err
}

// keepLetters sees to it that the queue which sends dead letters back misses none from now on. It is Unsupported where it misses none anyway, since it can begin with the first.
func (s *Service) keepLetters(ctx context.Context, by name) error {
	creator, ok := s.broker.(ports.QueueCreator)
	if !ok {
		return domain.Errorf(domain.Unsupported, "queues begin where they are told")
	}
	return creator.EnsureQueue(ctx, by.topic, by.queue)
}

// joinLetters makes a member of the queue that sends dead letters back.
func (s *Service) joinLetters(ctx context.Context, by name, from *domain.Start) (ports.Member, error) {
	plain := s.cfg
	plain.MaxAttempts = 0 // a letter that cannot be sent back stays where it is
	plain.Linger = 0      // letters go to the next server that asks for them
	plain.Rules = nil     // which are for queues that people name
	set, err := plain.settings(by.topic, by.queue, s.broker.Capabilities(by.topic))
	if err != nil {
		return nil, err
	}
	j := ports.Join{Topic: by.topic, Queue: by.queue, From: from, MaxInFlight: redriveBatch, Heartbeat: redriveSilence}
	m, err := s.join(ctx, j, set)
	if from != nil && domain.CodeOf(err) == domain.Conflict { // another redrive has begun it meanwhile
		j.From = nil
		m, err = s.join(ctx, j, set)
	}
	return m, err
}

// redrive is one run of sending letters back.
type redrive struct {
	service *Service
	of      name // whose letters they are
	member  ports.Member
	there   int64     // how many letters are looked at, at most
	limit   int64     // how many of them are sent, at most: the others are another queue's
	until   time.Time // a letter that was made later is the end; zero where the number of letters is known
	sent    int64
	seen    int64
	silent  int
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
		case assigned > 0: // that was all, but for a server that shuts down: it gives nothing, whatever there is
			return r.service.serving()
		case r.silent >= redrivePatience:
			return domain.Errorf(domain.Unavailable, "the dead letters of queue %q of topic %q are at another server, which may be sending them back", r.of.queue, r.of.topic)
		}
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

// sendBack publishes letters and settles those that the broker has confirmed, and those that are another queue's. The others are handed back.
func (r *redrive) sendBack(ctx context.Context, letters []domain.Event) error {
	var batch []*domain.Message
	var receipts, done []string
	for _, e := range letters {
		if m := r.revived(e.Message); m != nil {
			batch, receipts = append(batch, m), append(receipts, e.Receipt)
		} else {
			done = append(done, e.Receipt)
		}
	}
	outcomes := r.publish(ctx, batch)
	var failure error
	var left []string
	for i, receipt := range receipts {
		if err := outcomes[i]; err != nil {
			failure, left = err, append(left, receipt)
			continue
		}
		done = append(done, receipt)
		r.sent++
	}
	r.member.Done(done...)
	r.member.Nack(0, left...)
	return failure
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

// revived makes of a letter the message that it was, for its queue alone; nil where it is no letter of that queue.
func (r *redrive) revived(letter *domain.Message) *domain.Message {
	for _, h := range letter.Headers {
		if h.Name == headerTopic && string(h.Value) != string(r.of.topic) || h.Name == headerQueue && string(h.Value) != string(r.of.queue) {
			return nil
		}
	}
	headers := slices.DeleteFunc(slices.Clone(letter.Headers), func(h domain.Header) bool {
		return strings.HasPrefix(h.Name, headerDead) || h.Name == headerRedriven
	})
	headers = append(headers, domain.Header{Name: headerRedriven, Value: []byte(r.of.path())})
	return &domain.Message{Key: letter.Key, Headers: headers, Payload: letter.Payload, Time: time.UnixMilli(time.Now().UnixMilli()).UTC()}
}

// path names a queue in a header: no name has a slash.
func (n name) path() string { return string(n.topic) + "/" + string(n.queue) }

// elsewhere reports whether m was sent back to another queue of the same topic, and is nothing for this one.
func (n name) elsewhere(m *domain.Message) bool {
	for _, h := range m.Headers {
		if h.Name != headerRedriven {
			continue
		}
		topic, queue, ok := bytes.Cut(h.Value, []byte("/"))
		return ok && string(topic) == string(n.topic) && string(queue) != string(n.queue)
	}
	return false
}
