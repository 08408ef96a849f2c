package ports

import (
	"context"
	"time"

	"culvert/domain"
)

// Injector is the service that writes messages to topics.
type Injector interface {
	// Open makes the window of one connection, or of one request. answer is called with the outcomes of what was put, each exactly once, by
	// one goroutine at a time; it may block, which in time fills the window. ctx is the lifetime: when it ends, what is not yet answered
	// still goes to the broker, but nobody is told.
	Open(ctx context.Context, answer func([]Outcome)) Injection
}

// Injection is the window of one connection. Its methods are called by one goroutine at a time.
type Injection interface {
	// Put takes a message for topic and returns its number, counting from 1. It blocks while the window is full; it fails only
	// when ctx ends or the service shuts down (Unavailable), and then the message was not taken. A message that breaks a limit
	// is taken and answered with its error. The message is the service's from then on, and gathers with its neighbours until Send, until there are many, or until what came before is with the broker.
	Put(ctx context.Context, topic domain.Topic, m *domain.Message, id string) (n uint64, err error)
	// Reject answers with err in the place of a message that could not be read, as if it had been put.
	Reject(ctx context.Context, id string, err error) (n uint64, _ error)
	// Send hands over what has gathered. Whoever may wait before the next Put calls it, and so does who puts no more. Put calls it before it waits for room, and Flush at once. It does not block, and may be called at any time.
	Send()
	// Flush returns when everything put so far has been answered, or ctx ends.
	Flush(ctx context.Context) error
}

// Outcome is the answer to one message that was put.
type Outcome struct {
	N   uint64 // as Put returned it
	ID  string // as it was given to Put
	Ack domain.Ack
	Err error // nil where the broker confirmed it
}

// Viewer is the service that shows topics.
type Viewer interface {
	// View opens a stream, and returns when its first place is known. ctx is its lifetime.
	View(ctx context.Context, v View) (Stream, error)
}

// Feeds is the service that tells what this node reads for its viewers. Its methods do not block.
type Feeds interface {
	// Feeds tells of all topics that are read, in no order.
	Feeds() []FeedStats
	// Behind is how many offsets a viewer at place lacks of what this node has read of topic, and for how long the oldest of them has been here, which is negative where it is not in memory any more.
	// known is false where the topic is not read, or place is of another time of it.
	Behind(topic domain.Topic, place *domain.Vector) (messages int64, age time.Duration, known bool)
}

// FeedStats tells of one topic that is read.
type FeedStats struct {
	Topic    domain.Topic
	Viewers  int
	Messages int // in memory
	Bytes    int // in memory, about
	// Lag is how old the newest message was when it came, by the broker's time.
	Lag time.Duration
	// Rate is how many messages come a second, over the last seconds.
	Rate float64
}

// View is what a viewer asks for.
type View struct {
	// Topics are those to show, at least one. The topics that a pattern names join as they appear.
	Topics []domain.Pattern
	From   domain.Start
	// Resume, where it is not nil, is the cursor to go on from; From then counts for topics that it does not know. One that knows none of Topics is
	// InvalidCursor.
	Resume *domain.Cursor
	// To, where it is not nil, is where the stream ends.
	To *domain.Stop
	// Limit, where it is not 0, ends the stream after so many messages.
	Limit int64
	// Keys, where there are any, are the keys of which one must be the message's.
	Keys [][]byte
	// Headers are headers that a message must carry, all of them.
	Headers  []domain.Header
	Overflow Overflow
	// Heartbeat is the silence after which Next returns all the same. 0: never.
	Heartbeat time.Duration
	// Client is who asks, as far as that is known: what one client may have of the broker's readers is limited. Usually an IP address.
	Client string
	// Waker, where it is not nil, makes a stream that is polled: its Poll is called instead of its Next, and Heartbeat means nothing.
	Waker Waker
}

// Waker is who polls a stream.
type Waker interface {
	// Wake says that Poll may have something to give. It is called from any goroutine, also under locks, also before View has returned, and may be called for nothing: it must not block nor call
	// the stream.
	Wake()
}

// Place is the cursor of a view that could not be opened at now: who comes back with it misses nothing between the two requests.
func (v View) Place(now time.Time) domain.Cursor {
	var place domain.Cursor
	if v.Resume != nil {
		place = v.Resume.Of(v.Topics)
	}
	for _, topic := range v.Topics {
		if !place.Has(topic) {
			place = place.With(topic, v.From.VectorAt(now))
		}
	}
	return place
}

// Overflow is what happens to a viewer that falls out of the feed's log.
type Overflow string

const (
	OverflowDefault    Overflow = ""           // resume where the broker has history, else drop
	OverflowResume     Overflow = "resume"     // read on from the broker's log
	OverflowDrop       Overflow = "drop"       // jump to the live end and say how much was lost
	OverflowDisconnect Overflow = "disconnect" // say bye
	// OverflowLatest leaves out of what waits, where that is more than a batch, all but the newest message of each key, and says how many those are.
	OverflowLatest Overflow = "latest-by-key"
)

// Stream is one viewer's place. Next is called by one goroutine at a time.
type Stream interface {
	// Ready is what opens the stream. It is not called any more once Next or Poll was.
	Ready() Ready
	// Next blocks until there is something to tell, and gives all there is, up to a bound. It blocks at most for the heartbeat: an
	// empty batch says that nothing came; its Mark is set where the place moved over messages that did not match. When the stream ends
	// it gives a *domain.Bye. The batch is valid until the next call, which says that this one was written.
	Next(ctx context.Context) (Batch, error)
	// Poll is Next for a stream whose view has a Waker: it gives what there is, and does not block. It is called by one goroutine at a time, for the first time when View has returned. more asks to be
	// polled again at once, be it for a bye. Where it is false, the batch may be empty or lead to the end of what there is, and the Waker is woken as soon as there is anything to say, the end
	// of the view's context included, were it between this call and its return. A batch without spans is nothing, one with spans is valid until Written, which comes before the next Poll.
	Poll() (batch Batch, more bool, err error)
	// Written says that the last batch of Poll was written, or never will be.
	Written()
	// Silence is the batch that ends a silence of a stream that is polled: that of a heartbeat.
	Silence() Batch
	// Cursor is the place after the last batch that was given. It may be called from any goroutine.
	Cursor() domain.Cursor
}

// Ready is what opens a stream.
type Ready struct {
	Stream string
	Topics []domain.Topic
	Cursor domain.Cursor
	// Resumed is nil where no cursor was given, else whether it could be honoured; Reason says why not.
	Resumed *bool
	Reason  ResumeReason
	// Pending are partitions that cannot be read yet.
	Pending []Pending
}

// Pending is a partition that is not readable yet.
type Pending struct {
	Topic     domain.Topic
	Partition int32
}

// ResumeReason is why a cursor could not be honoured.
type ResumeReason string

// The reasons of PROTOCOL §3.
const (
	ResumeRetention ResumeReason = "retention"
	ResumeEpoch     ResumeReason = "epoch"
	ResumeTopics    ResumeReason = "topics"
)

// Batch is what a stream has to tell at once, in order.
type Batch struct {
	Spans []domain.Span
	// Mark, in a batch without spans, is the cursor to tell in a mark; empty where a bare heartbeat does.
	Mark string
}

// Queues is the service that shares topics among members.
type Queues interface {
	// Join makes a member, and returns when this node's membership in the queue stands. ctx is its lifetime: when it ends, the
	// member's leases go to others at once.
	Join(ctx context.Context, j Join) (Member, error)
	// Settler finds the member of a stream of this node; else UnknownStream.
	Settler(stream string) (Settler, error)
	// Peek finds where queue goes on, so that a view from there shows what its members have before them: nothing is joined, consumed or committed. UnknownTopic or
	// UnknownQueue where there is none, Unsupported where the topic's broker does not tell.
	Peek(ctx context.Context, topic domain.Topic, queue domain.Queue) (domain.Start, error)
}

// QueueAdmin is the service that tells of queues, moves and forgets them. Its methods block while the broker answers, for some seconds at most, but for Redrive. What a
// topic's broker cannot do is Unsupported; a broker that cannot be reached is Unavailable.
type QueueAdmin interface {
	// List lists the queues of topic by name; complete is false where the topic's broker did not tell all of its own, so that besides what it told only those
	// which this node knows are listed. A topic that does not exist is UnknownTopic; it is Unavailable only where nothing was told and this node knows no queue of the topic either.
	List(ctx context.Context, topic domain.Topic) (queues []QueueEntry, complete bool, err error)
	// Inspect tells of one queue. UnknownTopic or UnknownQueue where there is none.
	Inspect(ctx context.Context, topic domain.Topic, queue domain.Queue) (QueueState, error)
	// Reset moves the place of queue to where `to` begins, and returns how far it is then. Conflict while anyone is in it, on whatever node; UnknownTopic or UnknownQueue where there is none;
	// InvalidCursor where `to` is a place that the topic cannot have had.
	Reset(ctx context.Context, topic domain.Topic, queue domain.Queue, to domain.Start) ([]domain.Committed, error)
	// Delete forgets queue. Conflict and so on as for Reset.
	Delete(ctx context.Context, topic domain.Topic, queue domain.Queue) error
	// Redrive sends the dead letters of queue back to topic, oldest first, where among all queues of these nodes only that queue is given them. It takes those that were there when it began, at
	// most limit of them where that is not 0, and returns how many were sent; also with an error, which ended it early. A letter is out of the way when the broker has confirmed that
	// it was sent back; one that was not is there for the next Redrive.
	Redrive(ctx context.Context, topic domain.Topic, queue domain.Queue, limit int64) (sent int64, err error)
}

// QueueState is what is known of one queue. Members and what follows are this node's.
type QueueState struct {
	Order      domain.Order       // as promised to members
	Lag        int64              // domain.LagUnknown where the broker does not tell it
	Partitions []domain.Committed // empty where the broker tells no places
	// Lease, MaxAttempts and DeadLetter are what holds for members: how long a lease is, after how many tries (0: never) a message goes to which topic.
	Lease       time.Duration
	MaxAttempts int
	DeadLetter  domain.Topic // empty where MaxAttempts is 0, or where it is not for the one who asks

	Members  int
	InFlight int // messages that members hold
	// Oldest is how old the oldest unsettled message is, by its own time, or by when it came where it has none; 0 where all are settled, negative where this
	// node reads nothing of the queue.
	Oldest time.Duration
}

// QueueEntry is one line of the list of a topic's queues.
type QueueEntry struct {
	Queue   domain.Queue
	Members int   // of this node
	Lag     int64 // domain.LagUnknown where the broker does not tell it
}

// Join is what a member asks for.
type Join struct {
	Topic domain.Topic
	Queue domain.Queue
	// From, where it is not nil, is where a queue that has not begun yet shall begin.
	From *domain.Start
	// MaxInFlight is how many leases the member holds at a time, at least 1.
	MaxInFlight int
	// Heartbeat is the silence after which Next returns all the same. 0: never.
	Heartbeat time.Duration
}

// Member is one client's part in a queue. Next is called by one goroutine at a time; the rest from any.
type Member interface {
	Ready() domain.Membership
	// Next blocks until there are messages for this member, of which it gives and leases at most so many, a gap, or a change of what is assigned, at most for
	// the heartbeat: no event then. When the membership ends it gives a *domain.Bye. The events are valid until the next call.
	Next(ctx context.Context, most int) ([]domain.Event, error)
	Settler
}

// Settler says what became of leases. None of it blocks on the broker.
type Settler interface {
	// Done settles the leases of these receipts.
	Done(receipts ...string) domain.Settlement
	// DoneUpTo settles all that the member was given up to and with this receipt.
	DoneUpTo(receipt string) domain.Settlement
	// Nack hands leases back: their messages are given again, to anyone, after the delay.
	Nack(delay time.Duration, receipts ...string) domain.Settlement
	// Touch lets the leases start anew.
	Touch(receipts ...string) domain.Settlement
}

// Topics is the service that tells what there is.
type Topics interface {
	// List lists topics; complete is false where some broker has no catalogue, so that only topics which this node knows are listed.
	List(ctx context.Context) (topics []TopicEntry, complete bool, err error)
	// Describe tells what there is of one topic.
	Describe(ctx context.Context, topic domain.Topic) (domain.TopicInfo, error)
}

// TopicEntry is one line of the list of topics.
type TopicEntry struct {
	Topic  domain.Topic
	Broker string
	// Hidden topics are reached only through routes of the operator's own that name them.
	Hidden bool
}
