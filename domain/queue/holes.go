package queue

import "culvert/domain"

// holes are gaps that nobody was told of yet, one for each partition and reason: they grow together, so that a member which does not
// ask holds few.
type holes []domain.Gap

func (h *holes) add(gap domain.Gap) {
	for i := range *h {
		known := &(*h)[i]
		if known.Partition != gap.Partition || known.Reason != gap.Reason {
			continue
		}
		if known.Lost == domain.LostUnknown || gap.Lost == domain.LostUnknown {
			known.Lost = domain.LostUnknown
		} else {
			known.Lost += gap.Lost
		}
		return
	}
	*h = append(*h, gap)
}
