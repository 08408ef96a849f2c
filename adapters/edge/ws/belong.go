package ws

import (
	"context"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// belong serves a membership until it ends.
func (s *subscription) belong(life context.Context) error {
	member, err := s.conversation.edge.queues.Join(life, s.join)
	if err != nil {
		return &errRefused{err}
	}
	s.member.Store(&member)
	var auto []string // the receipts in the parcel, to be settled when it was written
	if s.ack == edge.AckAuto {
		s.written = func() {
			if len(auto) > 0 {
				member.Done(auto...)
				auto = auto[:0]
			}
		}
	}
	if err := s.open(life, edge.AppendJoinedBody(s.ready(), member.Ready(), s.ack, s.join.Heartbeat)); err != nil {
		return err
	}
	var body []byte
	for {
		if err := s.flush(life); err != nil {
			return err
		}
		events, err := s.next(life, member)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			if err := s.mark(life, ""); err != nil {
				return err
			}
		}
		for _, e := range events {
			body = edge.AppendEventBody(body[:0], e)
			if e.Message == nil {
				s.parcel.add(s.head(edge.Op(e)), body)
				continue
			}
			auto = s.owe(auto, e)
			if err := s.addMessage(life, body); err != nil {
				return err
			}
		}
	}
}

// next is what the member is given: as many messages as there is credit for, and without any what else there is to tell. A message that must wait for
// credit would be kept from other members while its lease runs out.
func (s *subscription) next(life context.Context, member ports.Member) ([]domain.Event, error) {
	for {
		if n := s.credit.rest(); n > 0 {
			return member.Next(life, n)
		}
		more, stop := s.credit.more(life)
		events, err := member.Next(more, 0)
		credited := err != nil && more.Err() != nil && life.Err() == nil
		stop()
		if !credited {
			return events, err
		}
	}
}

// owe adds e's receipt to those that are settled when they were written, where that is how the member settles.
func (s *subscription) owe(auto []string, e domain.Event) []string {
	if s.ack != edge.AckAuto {
		return auto
	}
	return append(auto, e.Receipt)
}
