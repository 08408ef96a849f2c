package subscribe

import (
	"testing"
	"testing/synctest"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// ofOld is a broker of topics whose messages are all older than any reader.
func ofOld(messages int, names ...domain.Topic) (c *fakeCluster, topics []domain.Pattern) {
	c = newFakeCluster()
	for _, name := range names {
		topics = append(topics, domain.Pattern(name))
		b := c.create(name, 1)
		for range messages {
			b.put(0, "k")
		}
	}
	return c, topics
}

// A stream that had to read more topics from the brokers' logs than its client may have readers was never opened: the readers that it had waited for it to take
// what they read, and the others waited for those to end.
func TestAStreamOfMoreTopicsThanReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 20
		c, topics := ofOld(messages, "a1", "a3", "b1", "b3")
		s := newService(t, c, func(c *Config) { c.ReplaysPerClient = 2 })
		began := time.Now()
		stream, err := s.View(t.Context(), ports.View{Topics: topics, From: domain.StartEarliest()})
		if err != nil {
			t.Fatal(err)
		}
		ready := stream.Ready()
		if n := len(ready.Topics); n != len(topics) || !ready.Cursor.Shares(topics) {
			t.Errorf("ready names %d topics", n)
		}
		for _, topic := range topics {
			if !ready.Cursor.Has(topic) {
				t.Errorf("the cursor of ready does not know %s", topic)
			}
		}
		got := given{}
		for n := 0; n < messages*len(topics); {
			n += got.take(next(t, stream))
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("that took %v", took)
		}
	})
}

// A track that had reached its end kept its reader as long as the stream lived: one that waited for it waited for ever.
func TestATrackAtItsEndGivesItsTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, messages = 5, 20
		c, topics := ofOld(messages, "a1", "a3", "b1", "b3")
		s := newService(t, c, func(c *Config) { c.ReplaysPerClient = 2 })
		var to domain.Cursor
		for _, topic := range topics {
			to = to.With(topic, domain.NewVector(c.topic(domain.Topic(topic)).epoch, domain.Place{Next: most}))
		}
		stream, err := s.View(t.Context(), ports.View{Topics: topics, From: domain.StartEarliest(), To: &domain.Stop{Cursor: &to}, Heartbeat: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		got := given{}
		for n := 0; n < most*len(topics); {
			b := next(t, stream)
			if len(b.Spans) == 0 {
				t.Fatalf("silence after %d messages", n)
			}
			n += got.take(b)
		}
		wantBye(t, stream, domain.ByeEnd)
	})
}

// A track that waits for its turn began so many messages before the end as of then: what had come since the stream was opened was left out without a word.
func TestATrackThatWaitsMissesNothingMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const last, messages, later = 5, 20, 10
		c, topics := ofOld(messages, "a1", "a3", "b1", "b3")
		s := newService(t, c, func(c *Config) { c.ReplaysPerClient = 2 })
		stream, err := s.View(t.Context(), ports.View{Topics: topics, From: domain.StartLast(last), Heartbeat: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for range later {
			for _, topic := range topics {
				c.topic(domain.Topic(topic)).put(0, "k")
			}
		}
		synctest.Wait()
		got := given{}
		for n := 0; n < (last+later)*len(topics); {
			b := next(t, stream)
			if len(b.Spans) == 0 {
				t.Fatalf("silence after %d messages", n)
			}
			n += got.take(b)
		}
		for at, offsets := range got {
			if len(offsets) != last+later || offsets[0] != messages-last {
				t.Errorf("of %s it was given %v", at.topic, offsets)
			}
		}
	})
}
