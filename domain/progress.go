package domain

// QueueInfo is what a broker tells of one of a topic's queues when it lists them.
type QueueInfo struct {
	Queue Queue
	// Lag is how far the place that the broker keeps is behind the end, in messages, over all partitions; LagUnknown where it does not tell.
	Lag int64
}

// LagUnknown is the Lag of a queue whose broker does not tell it.
const LagUnknown = -1

// Progress is how far a queue is, as its broker tells it.
type Progress struct {
	// Order is OrderNone where the queue, as it lies in the broker, cannot keep the order of keys; else empty.
	Order Order
	// Lag is as in QueueInfo.
	Lag int64
	// Epoch is that of the topic, and Partitions how far the queue is in each, by partition. Both are empty where the broker tells no places.
	Epoch      Epoch
	Partitions []Committed
}

// Committed is how far a queue is in one partition.
type Committed struct {
	// Extent is what there is of the partition; its First and End are NoPlace while that has no leader.
	Extent
	// Place is what the broker keeps: everything before it is settled. It may be one that retention has overtaken. NoPlace where the queue has not begun in
	// the partition, and begins at First then.
	Place int64
}

// NoPlace stands for an offset that is not there, or that the broker does not tell.
const NoPlace = -1

// Lag is how far the place is behind the end; LagUnknown where one of them is not known.
func (c Committed) Lag() int64 {
	if c.End == NoPlace {
		return LagUnknown
	}
	return max(c.End-c.next(), 0)
}

// next is where the queue goes on.
func (c Committed) next() int64 {
	if c.Place == NoPlace {
		return max(c.First, 0)
	}
	return c.Place
}

// Start is where the queue goes on, partition by partition.
func (p Progress) Start() Start {
	places := make([]Place, len(p.Partitions))
	for i, c := range p.Partitions {
		places[i] = Place{Partition: c.Partition, Next: c.next()}
	}
	return StartVector(NewVector(p.Epoch, places...))
}

// LagOf is the sum of the lags of all partitions; LagUnknown where one is not known.
func LagOf(partitions []Committed) (lag int64) {
	for _, c := range partitions {
		behind := c.Lag()
		if behind == LagUnknown {
			return LagUnknown
		}
		lag += behind
	}
	return lag
}
