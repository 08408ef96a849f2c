package queue

import (
	"slices"
	"testing"

	"culvert/domain"
)

// The dead letters of a queue on dead letters told two stories, of which the older one counted: they were taken for another queue's, and were gone.
func TestALetterOfLettersIsThatOfItsLastQueue(t *testing.T) {
	for _, sorted := range []bool{false, true} { // as some brokers give headers
		headers := []domain.Header{
			{Name: "h", Value: []byte("v")},
			{Name: headerTopic, Value: []byte("orders")},
			{Name: headerQueue, Value: []byte("billing")},
			{Name: headerReason, Value: []byte("first")},
			{Name: headerRedriven, Value: []byte("orders/billing")},
			{Name: headerTopic, Value: []byte("orders.billing.dlq")},
			{Name: headerQueue, Value: []byte("fix")},
			{Name: headerReason, Value: []byte("last")},
		}
		if sorted {
			slices.SortStableFunc(headers, func(a, b domain.Header) int {
				if a.Name < b.Name {
					return -1
				}
				if a.Name > b.Name {
					return 1
				}
				return 0
			})
		}
		letter := &domain.Message{Key: []byte("k"), Headers: headers, Payload: []byte("p")}
		if m := (name{"orders", "billing"}).revive(letter); m != nil {
			t.Errorf("sorted %v: it went back to where it had died before: %v", sorted, m.Headers)
		}
		m := (name{"orders.billing.dlq", "fix"}).revive(letter)
		if m == nil {
			t.Fatalf("sorted %v: it is nobody's", sorted)
		}
		var got []string
		for _, h := range m.Headers {
			got = append(got, h.Name+"="+string(h.Value))
		}
		slices.Sort(got)
		want := []string{
			headerQueue + "=billing", headerReason + "=first", headerTopic + "=orders",
			headerRedriven + "=orders.billing.dlq/fix", "h=v",
		}
		if !slices.Equal(got, want) {
			t.Errorf("sorted %v: it has the headers %q, want %q", sorted, got, want)
		}
	}
}
