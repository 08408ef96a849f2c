//go:build unix

package subscribe

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// scribe is a goroutine that polls streams when they are woken, as the edges' writers do.
type scribe struct {
	format *domain.Format
	signal chan struct{} // holds one value while somebody is ready
	mu     sync.Mutex    // guards ready
	ready  []*polled
	spare  []*polled
	frames [][]byte
	given  atomic.Int64 // messages
}

// polled is one stream of a scribe, and its Waker.
type polled struct {
	*stream
	scribe *scribe
	queued atomic.Bool
}

func (p *polled) Wake() {
	if !p.queued.CompareAndSwap(false, true) {
		return
	}
	p.scribe.mu.Lock()
	p.scribe.ready = append(p.scribe.ready, p)
	first := len(p.scribe.ready) == 1
	p.scribe.mu.Unlock()
	if first {
		select {
		case p.scribe.signal <- struct{}{}:
		default:
		}
	}
}

// serve polls all who were woken, and reports whether there was anybody.
func (s *scribe) serve() bool {
	s.mu.Lock()
	ready := s.ready
	s.ready, s.spare = s.spare, nil
	s.mu.Unlock()
	for _, p := range ready {
		p.queued.Store(false)
		for more := true; more; {
			batch, again, err := p.Poll()
			if err != nil {
				panic(err)
			}
			more = again
			messages := 0
			for _, span := range batch.Spans {
				s.frames = span.Append(s.frames, s.format)
				messages += span.To - span.From
			}
			if messages > 0 {
				clear(s.frames)
				s.frames = s.frames[:0]
				s.given.Add(int64(messages))
				p.Written()
			}
		}
	}
	s.mu.Lock()
	s.spare = ready[:0]
	s.mu.Unlock()
	return len(ready) > 0
}

// crowd are viewers of one log, shared among scribes.
func crowd(b *testing.B, viewers, scribes, partitions int) (*log, []*scribe) {
	b.Helper()
	l := newLog("t", Window{Messages: 50_000, Bytes: 16 << 20, Age: time.Hour}, at(1, make([]int64, partitions)...), new(bells))
	service, err := New(newFakeBroker(1), testConfig())
	if err != nil {
		b.Fatal(err)
	}
	all := make([]*scribe, scribes)
	for i := range all {
		all[i] = &scribe{format: benchFormat, signal: make(chan struct{}, 1)}
	}
	for i := range viewers {
		p := &polled{scribe: all[i%scribes]}
		p.stream = newStream(service, ports.View{Waker: p}, nil)
		p.tracks = []*track{{s: p.stream, topic: "t", feed: &feed{}, live: l, source: l, vector: l.head, hook: l.bells.hang(&p.bell, nil)}}
	}
	return l, all
}

// cpu is what this process has used.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkFanOut tells what one message costs one viewer, from its append to its frame, without the writing: of one processor, as that of others is no use to it. Each viewer is given so many
// messages at once, each of which is a run of its own, as messages come that come singly.
func BenchmarkFanOut(b *testing.B) {
	for _, viewers := range []int{100, 1000} {
		for _, burst := range []int{1, 64} {
			for _, partitions := range []int{1, 12} {
				b.Run(fmt.Sprintf("viewers=%d/burst=%d/partitions=%d", viewers, burst, partitions), func(b *testing.B) {
					l, scribes := crowd(b, viewers, 1, partitions)
					next := make([]int64, partitions)
					payload := make([]byte, 100)
					now := time.Now()
					b.ReportAllocs()
					b.ResetTimer()
					used := cpu()
					deliveries := 0
					for n := 0; deliveries < b.N; n++ {
						for i := range burst {
							p := (n + i) % partitions
							l.append(domain.Chunk{Partition: int32(p), Next: next[p] + 1, Messages: []*domain.Message{
								{Payload: payload, Position: domain.Position{Partition: int32(p), Offset: next[p]}},
							}}, now)
							next[p]++
						}
						for scribes[0].serve() {
						}
						deliveries += burst * viewers
					}
					b.ReportMetric(float64(cpu()-used)/float64(deliveries), "cpu-ns/delivery")
					b.StopTimer()
					if got := scribes[0].given.Load(); got != int64(deliveries) {
						b.Fatalf("%d of %d were given", got, deliveries)
					}
				})
			}
		}
	}
}

// BenchmarkFanOutSideBySide is BenchmarkFanOut with a goroutine that appends, while two others poll.
func BenchmarkFanOutSideBySide(b *testing.B) {
	for _, viewers := range []int{100, 1000} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) {
			l, scribes := crowd(b, viewers, 2, 1)
			payload := make([]byte, 100)
			now := time.Now()
			messages := b.N/viewers + 1
			each := int64(messages * viewers / 2)
			b.ReportAllocs()
			b.ResetTimer()
			used := cpu()
			var all sync.WaitGroup
			for _, s := range scribes {
				all.Go(func() {
					for s.given.Load() < each {
						if !s.serve() {
							<-s.signal
						}
					}
				})
			}
			for n := range messages {
				l.append(domain.Chunk{Next: int64(n) + 1, Messages: []*domain.Message{{Payload: payload, Position: domain.Position{Offset: int64(n)}}}}, now)
			}
			all.Wait()
			b.ReportMetric(float64(cpu()-used)/float64(2*each), "cpu-ns/delivery")
		})
	}
}

// BenchmarkKeys tells what a message costs all the viewers of a topic together, who each take it when they are woken.
func BenchmarkKeys(b *testing.B) {
	for _, viewers := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("viewers=%d", viewers), func(b *testing.B) { benchmarkKeys(b, viewers) })
	}
}

func benchmarkKeys(b *testing.B, viewers int) {
	l := newLog("t", Window{Messages: 50_000, Bytes: 16 << 20, Age: time.Hour}, at(1, 0), new(bells))
	service, err := New(newFakeBroker(1), testConfig())
	if err != nil {
		b.Fatal(err)
	}
	streams := make([]*stream, viewers)
	byKey := make(map[string]*stream, viewers)
	for i := range streams {
		key := fmt.Appendf(nil, "k%d", i)
		s := newStream(service, ports.View{Keys: [][]byte{key}}, nil)
		tr := &track{s: s, topic: "t", feed: &feed{}, live: l, source: l, vector: l.head, hook: l.bells.hang(&s.bell, nil)}
		s.tracks, streams[i], byKey[string(key)] = []*track{tr}, s, s
		if !tr.watch() {
			b.Fatal("the log does not hold its own beginning")
		}
	}
	now, offset := time.Now(), int64(0)
	b.ReportAllocs()
	b.ResetTimer()
	used := cpu()
	for i := range b.N {
		m := &domain.Message{Key: fmt.Appendf(nil, "k%d", i%viewers), Payload: []byte("x"), Position: domain.Position{Offset: offset}}
		offset++
		l.append(domain.Chunk{Messages: []*domain.Message{m}, Next: offset}, now)
		s := byKey[string(m.Key)]
		select {
		case <-s.bell.rung:
		default:
			b.Fatal("nobody was woken")
		}
		s.room = 1 << 10
		s.remember()
		s.tracks[0].gather()
		if len(s.memory.spans) != 1 {
			b.Fatalf("%d spans", len(s.memory.spans))
		}
		s.Written()
	}
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/message")
}
