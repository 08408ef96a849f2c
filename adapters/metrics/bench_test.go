package metrics

import (
	"context"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// giving is a stream that gives one batch again and again.
type giving struct {
	ports.Stream
	batch ports.Batch
}

func (g giving) Poll() (ports.Batch, bool, error) { return g.batch, false, nil }
func (giving) Written()                           {}

func (g giving) View(context.Context, ports.View) (ports.Stream, error) { return g, nil }

// BenchmarkViewer tells what it costs to count a batch, with as many goroutines that do as there are processors.
func BenchmarkViewer(b *testing.B) {
	messages := []*domain.Message{{Payload: []byte("x")}}
	v := New("test").Viewer("sse", giving{batch: ports.Batch{Spans: []domain.Span{{Run: &domain.Run{Messages: messages, Appended: time.Now().Add(time.Minute)}, To: 1}}}})
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		s, err := v.View(context.Background(), ports.View{})
		if err != nil {
			b.Fatal(err)
		}
		for p.Next() {
			_, _, _ = s.Poll()
			s.Written()
		}
	})
}
