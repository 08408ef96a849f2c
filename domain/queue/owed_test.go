package queue_test

import (
	"testing"
	"testing/synctest"

	"culvert/domain"
	"culvert/domain/queue"
)

// A member that left before it was told of a gap took it along, and nobody ever heard of the hole.
func TestAGapThatAMemberLeftUntold(t *testing.T) {
	overtaken := domain.Gap{Reason: domain.GapRetention, Lost: 9}
	told := func(t *testing.T, m *seat, want bool) {
		t.Helper()
		gaps := 0
		for _, e := range m.got() {
			if e.Gap != nil && *e.Gap == overtaken {
				gaps++
			}
		}
		if gaps > 1 || (gaps == 1) != want {
			t.Errorf("told of %d gaps, want that it is told: %v", gaps, want)
		}
	}
	for name, test := range map[string]func(t *testing.T, s *queue.Service, b *fakeBroker){
		"to the next one": func(t *testing.T, s *queue.Service, b *fakeBroker) {
			m := sit(t, s, 1)
			b.claims[0].haul(&overtaken)
			synctest.Wait()
			m.gone()
			told(t, sit(t, s, 1), true)
			told(t, sit(t, s, 1), false)
		},
		"to who came meanwhile": func(t *testing.T, s *queue.Service, b *fakeBroker) {
			m := sit(t, s, 1)
			b.claims[0].haul(&overtaken)
			synctest.Wait()
			other := sit(t, s, 1)
			m.gone()
			synctest.Wait()
			told(t, other, true)
		},
		"to nobody twice": func(t *testing.T, s *queue.Service, b *fakeBroker) {
			m, other := sit(t, s, 1), sit(t, s, 1)
			b.claims[0].haul(&overtaken)
			synctest.Wait()
			told(t, other, true)
			m.gone()
			synctest.Wait()
			told(t, other, false)
		},
		"not where it was told": func(t *testing.T, s *queue.Service, b *fakeBroker) {
			m := sit(t, s, 1)
			b.claims[0].haul(&overtaken)
			told(t, m, true)
			m.gone()
			told(t, sit(t, s, 1), false)
		},
		"by two who left": func(t *testing.T, s *queue.Service, b *fakeBroker) {
			first, second := sit(t, s, 1), sit(t, s, 1)
			b.claims[0].haul(&overtaken)
			synctest.Wait()
			first.gone()
			second.gone()
			synctest.Wait()
			told(t, sit(t, s, 1), true)
		},
	} {
		t.Run(name, func(t *testing.T) { inBubble(t, 1, nil, test) })
	}
}
