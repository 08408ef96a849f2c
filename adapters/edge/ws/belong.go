package ws

import (
	"context"

	"culvert/adapters/edge"
	"culvert/domain"
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
	s.parcel.add(edge.AppendJoinedBody(s.ready(), member.Ready(), s.ack, s.join.Heartbeat), nil)
	msg := s.head("msg")
	var body []byte
	for {
		if err := s.flush(life); err != nil {
			return err
		}
		// Without credit nothing is taken: messages would only be kept from other members, and their leases would run.
		if _, err := s.allowed(life); err != nil {
			return err
		}
		events, err := member.Next(life)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			if err := s.mark(life, ""); err != nil {
				return err
			}
		}
		held := false // the rest of the events had to wait for credit
		for _, e := range events {
			body = edge.AppendEventBody(body[:0], e)
			if e.Message == nil {
				s.parcel.add(s.head(edge.Op(e)), body)
				continue
			}
			waited, err := s.allowed(life)
			if err != nil {
				return err
			}
			held = held || waited
			// What was held gets its lease anew, so that its time counts from when it is sent. If it has gone to another member
			// meanwhile, it is not sent.
			if held && member.Touch(e.Receipt).Settled == 0 {
				continue
			}
			auto = s.owe(auto, e)
			if err := s.addMessage(life, msg, body); err != nil {
				return err
			}
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
