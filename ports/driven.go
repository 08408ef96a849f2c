package ports

import (
	"context"
	"iter"

	"culvert/domain"
)

// Broker is what every broker does for us. What only some can do are the small interfaces below it, found by assertion.
// All methods may be called from any goroutine; none blocks past the end of its context. Their errors are domain.Errors:
// Unavailable where the broker cannot be reached, UnknownTopic, NotAllowed, Unsupported, and Internal for the rest.
type Broker interface {
	Publisher
	Tailer
	Joiner
	Describer
	Lifecycle
}

// Publisher writes messages.
type Publisher interface {
	// Publish hands a batch to the broker, in order, and returns when it is queued there. It blocks while the broker's own
	// buffers are full, at most until ctx ends. done tells each message's outcome, once for each index, from any goroutine and in any order,
	// during the call or after it, also after ctx has ended: one leaderless partition does not hold up the others. done must not block.
	//
	// A nil error means that the broker has confirmed the message as durably as it is configured to. Unavailable means that it
	// does not have the message; Timeout that nobody knows.
	Publish(ctx context.Context, topic domain.Topic, batch []*domain.Message, done func(i int, ack domain.Ack, err error))
}

// Tailer reads topics. Nothing is consumed or committed by it.
type Tailer interface {
	// Tail finds where from begins in every partition of topic, and yields what happens from there on until ctx ends or an
	// error ends it. Finding blocks for as long as the broker needs, at most until ctx ends; an unreachable broker is Unavailable. Once
	// begun, Tail outlives outages: it reconnects for ever, and only what is final ends the sequence (the topic is gone,
	// ctx ended).
	//
	// The first Tail of a topic that does not exist makes it where the broker does so on first use, else it is UnknownTopic.
	//
	// Chunks of one partition come in order and without overlap; those of different partitions as they are had. Partitions are read in
	// parallel. A partition that appears later is read from its beginning. The sequence may be ranged over once, from one
	// goroutine; leaving the loop ends the reading.
	Tail(ctx context.Context, topic domain.Topic, from domain.Start) (domain.Opening, iter.Seq2[domain.Chunk, error], error)
}

// Joiner takes part in queues.
type Joiner interface {
	// Join makes this node one member of queue and yields what the broker assigns to it and takes away, until ctx ends or an
	// error ends it. The first event is yielded when the membership stands, with the claims that came with it, be they none. Until then an unreachable broker is an
	// Unavailable error; after that outages are outlived as by Tail.
	//
	// A queue that has not begun yet begins at terms.From (the end, by default), and the place is kept by the broker before the first event. From
	// is nil where the caller did not say; a queue that has begun answers Conflict to any other.
	//
	// When ctx ends, what was settled until then is committed before the sequence ends.
	Join(ctx context.Context, topic domain.Topic, queue domain.Queue, terms domain.Terms) iter.Seq2[domain.LaneEvent, error]
}

// Describer tells what the broker has and can do.
type Describer interface {
	// Describe tells topic's epoch and the extent of its partitions as of now. It makes no topic.
	Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error)
	// Capabilities are what the broker of topic can do. It does not block.
	Capabilities(topic domain.Topic) domain.Capabilities
}

// Lifecycle is what the composition root needs of a broker.
type Lifecycle interface {
	// Ping returns nil when the broker can be reached.
	Ping(ctx context.Context) error
	// Close flushes what Publish has taken, at most until ctx ends, and frees everything. Contexts of Tail and Join have ended
	// before it.
	Close(ctx context.Context) error
}

// Catalogue is a broker that can list its topics. It declares domain.Catalogue.
type Catalogue interface {
	// Topics lists the topics that the broker has, in no order.
	Topics(ctx context.Context) ([]domain.Topic, error)
}

// QueueCatalogue is a broker that can list the queues of a topic. It declares domain.Catalogue, and domain.Lag where it tells their lag.
type QueueCatalogue interface {
	// Queues lists the queues that the broker has of topic, in no order. A topic that does not exist is UnknownTopic. Where a part of the broker is away it lists what the others
	// tell, together with an error that says so.
	Queues(ctx context.Context, topic domain.Topic) ([]domain.QueueInfo, error)
}

// QueueKeeper is a broker whose queues can be looked at and forgotten. It declares domain.Peek where it tells their places.
type QueueKeeper interface {
	// Progress tells how far queue is, as of now. It moves and makes nothing. UnknownTopic, or UnknownQueue where the queue has not begun, or was forgotten.
	Progress(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Progress, error)
	// Forget makes queue one that has not begun: its place is gone and, where the broker keeps its messages apart, so are they. Conflict while it has a member, on
	// whatever node; UnknownTopic and UnknownQueue as Progress; NotAllowed where the configuration says that the queue is not ours.
	Forget(ctx context.Context, topic domain.Topic, queue domain.Queue) error
}

// QueueMover is a broker that can move the places of queues. It declares domain.Reset, and domain.ResetTime where it finds times.
type QueueMover interface {
	// Move sets the place of queue, in all partitions, to where `to` begins, and returns how far it is then, when the broker keeps that. What was settled beyond the old place is forgotten.
	// A place that retention has overtaken is kept as it is, so that the next member is told of the gap; one that the topic cannot have had (of another epoch, beyond its end) is
	// InvalidCursor, and then nothing is moved. Conflict while the queue has a member, on whatever node; UnknownTopic and UnknownQueue as QueueKeeper.Progress.
	Move(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error)
}

// QueueCreator is a broker whose queues can begin nowhere but at the end, so that one which shall miss nothing is made before it is joined.
type QueueCreator interface {
	// EnsureQueue returns nil when queue exists and is given what is published to topic from now on; UnknownQueue where the configuration keeps it from being made.
	EnsureQueue(ctx context.Context, topic domain.Topic, queue domain.Queue) error
}

// Creator is a broker on which a topic can be made before its first use.
type Creator interface {
	// Ensure returns nil when topic exists, making it where the configuration lets it; else UnknownTopic.
	Ensure(ctx context.Context, topic domain.Topic) error
}
