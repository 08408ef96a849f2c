package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"culvert/domain"
	"culvert/ports"
)

const modeJoin = "join"

// Queues is next, counted as the members of edge.
func (m *Metrics) Queues(edge string, next ports.Queues) ports.Queues {
	return &queues{
		next:        next,
		open:        m.streams.WithLabelValues(edge, modeJoin),
		refused:     m.refused.MustCurryWith(prometheus.Labels{"edge": edge, "mode": modeJoin}),
		out:         m.outgoing(edge, modeJoin),
		slow:        m.slowOnes(edge, modeJoin),
		redelivered: m.redelivered.WithLabelValues(edge),
		done:        m.settled.WithLabelValues(edge, "done"),
		nack:        m.settled.WithLabelValues(edge, "nack"),
	}
}

type queues struct {
	next        ports.Queues
	open        prometheus.Gauge
	refused     *prometheus.CounterVec
	out         outgoing
	slow        slow
	redelivered prometheus.Counter
	done, nack  prometheus.Counter
}

func (q *queues) Join(ctx context.Context, j ports.Join) (ports.Member, error) {
	m, err := q.next.Join(ctx, j)
	if err != nil {
		q.refused.WithLabelValues(string(domain.CodeOf(err))).Inc()
		return nil, err
	}
	q.open.Inc()
	end := &departure{slow: &q.slow}
	context.AfterFunc(ctx, func() {
		q.open.Dec()
		end.after(ctx)
	})
	return &member{settler: settler{m, q}, member: m}, nil
}

func (q *queues) Settler(stream string) (ports.Settler, error) {
	s, err := q.next.Settler(stream)
	if err != nil {
		return nil, err
	}
	return &settler{s, q}, nil
}

func (q *queues) Peek(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error) {
	return q.next.Peek(ctx, topic, queue)
}

// member counts messages when they are given: the lease begins there, whatever becomes of the connection.
type member struct {
	settler
	member ports.Member
}

func (m *member) Ready() domain.Membership { return m.member.Ready() }

func (m *member) Next(ctx context.Context, most int) ([]domain.Event, error) {
	events, err := m.member.Next(ctx, most)
	messages, again := 0, 0
	for _, e := range events {
		if e.Gap != nil {
			m.queues.out.gap(e.Gap)
		}
		if e.Message == nil {
			continue
		}
		messages++
		if e.Attempt > 1 {
			again++
		}
	}
	m.queues.out.give(messages)
	m.queues.redelivered.Add(float64(again))
	return events, err
}

type settler struct {
	next   ports.Settler
	queues *queues
}

func (s *settler) Done(receipts ...string) domain.Settlement {
	return counted(s.queues.done, s.next.Done(receipts...))
}

func (s *settler) DoneUpTo(receipt string) domain.Settlement {
	return counted(s.queues.done, s.next.DoneUpTo(receipt))
}

func (s *settler) Nack(delay time.Duration, receipts ...string) domain.Settlement {
	return counted(s.queues.nack, s.next.Nack(delay, receipts...))
}

func (s *settler) Touch(receipts ...string) domain.Settlement { return s.next.Touch(receipts...) }

func counted(c prometheus.Counter, s domain.Settlement) domain.Settlement {
	c.Add(float64(s.Settled))
	return s
}
