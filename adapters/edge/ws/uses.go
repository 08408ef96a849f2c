package ws

import (
	"cmp"
	"maps"
	"slices"

	"culvert/adapters/edge"
	"culvert/domain"
	"culvert/ports"
)

// uses implements dialect: those of all subs, in the order of their names.
func (c *conversation) uses() (uses []edge.Use) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := func(a, b *subscription) int { return cmp.Compare(a.name, b.name) }
	for _, s := range slices.SortedFunc(maps.Values(c.subs), byName) {
		uses = append(uses, s.uses()...)
	}
	return uses
}

// uses are those of one sub. The caller holds the conversation's mu.
func (s *subscription) uses() (uses []edge.Use) {
	switch {
	case s.join.Queue != "":
		return []edge.Use{{Topic: domain.Pattern(s.join.Topic), Queue: s.join.Queue, Mode: edge.ModeJoin}}
	case s.stream != nil:
		return edge.UsesOf(s.stream, s.view.Queue)
	}
	return nil // it is being opened
}

// opened notes the stream of a view.
func (s *subscription) opened(stream ports.Stream) {
	c := s.conversation
	c.mu.Lock()
	defer c.mu.Unlock()
	s.stream = stream
}

// uses implements dialect.
func (d *raw) uses() (uses []edge.Use) {
	switch {
	case d.stream != nil:
		uses = edge.UsesOf(d.stream, d.queue)
	case d.member != nil:
		uses = []edge.Use{{Topic: domain.Pattern(d.topic), Queue: d.queue, Mode: edge.ModeJoin}}
	}
	if d.writes {
		uses = append(uses, edge.Use{Topic: domain.Pattern(d.topic), Mode: edge.ModeInject})
	}
	return uses
}
