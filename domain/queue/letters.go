package queue

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// Dead letters are sent back by a queue of their own topic, so that its place is remembered, and each of them is sent back once.
const redriveQueue = "redrive"

// redriveLease is longer than a broker takes to confirm a message, and shorter than RabbitMQ bears a message that is not settled.
const redriveLease = 25 * time.Minute

// redriver is what the dead letters of a queue are sent back by; false where the queue has none, or the names would become too long.
func (c Config) redriver(of name, set settings) (name, bool) {
	if set.deadLetter == "" {
		return name{}, false
	}
	template := c.deadLetter(c.rule(of.topic, of.queue))
	by, toldTopic, toldQueue := redriveQueue, strings.Contains(template, forTopic), strings.Contains(template, forQueue)
	if !toldQueue { // several queues share the dead-letter topic
		by = string(of.queue) + "." + by
	}
	if !toldTopic {
		by = string(of.topic) + "." + by
	}
	if toldTopic == toldQueue && strings.Contains(string(of.queue), seam(template)) { // as orders.eu.billing, which may be orders and eu.billing, or orders.eu and billing
		by += "." + strconv.Itoa(len(of.queue))
	}
	queue, err := domain.ParseQueue(set.deadLetter, by)
	return name{set.deadLetter, queue}, err == nil
}

// seam is what joins the names of a topic and a queue that are written into one name: into that of the dead-letter topic, or else into that of the queue which sends letters back.
func seam(template string) string {
	before, after, both := strings.Cut(template, forTopic)
	switch {
	case !both:
		return "."
	case strings.Contains(before, forQueue):
		return before[strings.Index(before, forQueue)+len(forQueue):]
	}
	joint, _, _ := strings.Cut(after, forQueue)
	return joint
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
func (s *Service) joinLetters(ctx context.Context, by name, from *domain.Start) (*member, error) {
	plain := s.cfg
	plain.MaxAttempts = 0                                   // a letter that cannot be sent back stays where it is
	plain.Lease, plain.MaxHold = redriveLease, redriveLease // one that is under way when its lease ends would be sent twice
	plain.Linger = 0                                        // letters go to the next server that asks for them
	plain.Rules = nil                                       // which are for queues that people name
	set, err := plain.settings(by.topic, by.queue, s.broker.Capabilities(by.topic))
	if err != nil {
		return nil, err
	}
	j := ports.Join{Topic: by.topic, Queue: by.queue, From: from, MaxInFlight: redriveBatch + redriveAside, Heartbeat: redriveSilence}
	m, err := s.join(ctx, j, set)
	if from != nil && domain.CodeOf(err) == domain.Conflict { // another redrive has begun it meanwhile
		j.From = nil
		m, err = s.join(ctx, j, set)
	}
	return m, err
}

// leaveLetters ends a membership that joinLetters made. Where nobody else here sends letters back it returns when the broker has kept which of them were, as far as it does so in time: who is
// told how many they are may believe that they are not sent again.
func (s *Service) leaveLetters(ctx context.Context, m *member) {
	m.lane.leave(m, context.Canceled)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminTimeout)
	defer cancel()
	if m.lane.desert() {
		_ = await(ctx, m.lane.ended)
	}
}
