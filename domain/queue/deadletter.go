package queue

import (
	"context"
	"slices"
	"strconv"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// The headers that a dead letter carries after those of its message, to say where from and why.
const (
	headerDead      = "culvert-dead-" // which opens all of their names
	headerTopic     = headerDead + "topic"
	headerPartition = headerDead + "partition"
	headerOffset    = headerDead + "offset"
	headerTime      = headerDead + "time" // the message's own time, RFC 3339; left out where it had none
	headerQueue     = headerDead + "queue"
	headerAttempts  = headerDead + "attempts"
	headerReason    = headerDead + "reason"
)

const (
	// buryAgain is how long after a failure a burial is tried again.
	buryAgain = time.Second
	// buryPatience is how long the broker has to say what became of a dead letter. After it the letter is published again, as a message
	// in the dead-letter topic twice is better than a partition that waits for ever.
	buryPatience = 30 * time.Second
	// keepEvery is how often, while messages die, the queue is seen to that sends them back: a broker may forget one that nobody uses for days.
	keepEvery = time.Hour
)

// makesDeadLetter reports whether the dead-letter topic is made where it is missing. That is done when the queue has let us in: a join that is refused leaves none behind.
func (l *lane) makesDeadLetter() bool {
	return l.settings.deadLetter != "" && l.service.broker.Capabilities(l.settings.deadLetter).Has(domain.Create)
}

// ensureDeadLetter makes the dead-letter topic where the broker makes topics. The queue's own topic comes first: a misspelt one is what has to be told, and leaves no
// dead-letter topic behind.
func (l *lane) ensureDeadLetter(ctx context.Context) error {
	creator, ok := l.service.broker.(ports.Creator)
	if !ok || l.settings.deadLetter == "" {
		return nil
	}
	if err := creator.Ensure(ctx, l.name.topic); err != nil {
		return err
	}
	err := creator.Ensure(ctx, l.settings.deadLetter)
	switch {
	case err == nil:
		return l.ensureRedrive(ctx)
	case domain.CodeOf(err).Retryable():
		return err
	}
	return domain.Errorf(domain.UnknownTopic, "the dead-letter topic %s of queue %s cannot be had", l.settings.deadLetter, l.name.queue).Because(err)
}

// ensureRedrive keeps the dead letters to come for a redrive. A queue whose letters cannot be sent back is no reason to refuse members.
func (l *lane) ensureRedrive(ctx context.Context) error {
	by, ok := l.service.cfg.redriver(l.name, l.settings)
	if !ok {
		return nil
	}
	if err := l.service.keepLetters(ctx, by); domain.CodeOf(err).Retryable() {
		return err
	}
	return nil
}

// bury leaves a message to the undertaker. The caller holds mu.
func (l *lane) bury(e *entry) {
	e.phase = dying
	l.dead = append(l.dead, e)
	select {
	case l.graves <- struct{}{}:
	default:
	}
}

// undertake publishes the dying messages to the dead-letter topic, until ctx ends. What was published is settled, what failed is
// tried again later; until then it stays unsettled.
func (l *lane) undertake(ctx context.Context) {
	kept := time.Now() // as the lane was opened
	for {
		select {
		case <-l.graves:
		case <-ctx.Done():
			return
		}
		dead, letters := l.letters()
		if len(dead) == 0 {
			continue
		}
		// Where it fails the letters are in their topic all the same, and members wait for no tidiness.
		if time.Since(kept) > keepEvery && l.ensureRedrive(ctx) == nil {
			kept = time.Now()
		}
		l.service.broker.Publish(ctx, l.settings.deadLetter, letters, func(i int, _ domain.Ack, err error) { l.buried(dead[i], err) })
	}
}

// letters takes the messages to be buried, and makes of each what is published.
func (l *lane) letters() ([]*entry, []*domain.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	dead := slices.DeleteFunc(l.dead, func(e *entry) bool { return e.phase != dying })
	l.dead = nil
	letters := make([]*domain.Message, len(dead))
	for i, e := range dead {
		letters[i] = l.letter(e, now)
		e.phase = burying
		e.due = now.Add(buryPatience)
		l.deadlines.put(e)
	}
	l.arm(now)
	return dead, letters
}

func (l *lane) letter(e *entry, now time.Time) *domain.Message {
	m := e.message
	headers := make([]domain.Header, len(m.Headers), len(m.Headers)+7)
	copy(headers, m.Headers)
	add := func(name, value string) {
		headers = append(headers, domain.Header{Name: name, Value: []byte(value)})
	}
	add(headerTopic, string(l.name.topic))
	if m.Known() {
		add(headerPartition, strconv.Itoa(int(m.Partition)))
		add(headerOffset, strconv.FormatInt(m.Offset, 10))
	}
	if !m.Time.IsZero() {
		add(headerTime, m.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	}
	add(headerQueue, string(l.name.queue))
	add(headerAttempts, strconv.Itoa(e.attempts))
	add(headerReason, e.cause)
	return &domain.Message{Key: m.Key, Headers: headers, Payload: m.Payload, Time: time.UnixMilli(now.UnixMilli()).UTC()}
}

// buried takes the broker's word on a dead letter.
func (l *lane) buried(e *entry, err error) {
	l.mu.Lock()
	now, failed := time.Now(), l.failing
	var told settlements
	switch {
	case err == nil && (e.phase == burying || e.phase == dying):
		l.tally.dead.Add(1)
		l.failing = false
		told.add(e)
		l.settle(e)
	case e.phase == burying:
		l.tally.unburied.Add(1)
		l.failing = true
		e.due = now.Add(buryAgain)
		l.deadlines.put(e)
	default: // settled by another try, to be tried already, or its claim is gone
	}
	turned := l.failing != failed
	l.dispatch(now)
	l.tell(told)
	if turned {
		l.report(err)
	}
}

// report tells the log that dead letters cannot be written, or nil, that they can be again. Meanwhile their messages stay unsettled, and the later ones of their keys wait.
func (l *lane) report(err error) {
	log := l.service.log.With("topic", l.name.topic, "queue", l.name.queue, "dead_letter", l.settings.deadLetter)
	if err == nil {
		log.Info("dead letters are written again")
		return
	}
	log.Warn("a dead letter cannot be written: it is tried again, and holds up its key", "cause", err)
}
