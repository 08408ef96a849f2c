package routing

import (
	"sync"
	"sync/atomic"

	"culvert/domain"
)

// maxUsed is how many topics are remembered as used. The list that they are for is not complete anyway.
const maxUsed = 10_000

// used remembers which topics have been used, for brokers that cannot list theirs. The zero used is empty.
type used struct {
	topics sync.Map // domain.Topic → nothing; read for every message, written once a topic
	count  atomic.Int64
}

func (u *used) add(topic domain.Topic) {
	if _, ok := u.topics.Load(topic); ok || u.count.Load() >= maxUsed {
		return
	}
	if _, ok := u.topics.LoadOrStore(topic, struct{}{}); !ok {
		u.count.Add(1)
	}
}

func (u *used) list() (topics []domain.Topic) {
	u.topics.Range(func(topic, _ any) bool {
		topics = append(topics, topic.(domain.Topic))
		return true
	})
	return topics
}
