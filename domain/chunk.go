package domain

// Opening is what a broker's reader found when it began: where every partition is read from.
type Opening struct {
	// Vector holds the topic's epoch and the place of every partition that there is; pending where it cannot be read yet.
	Vector *Vector
	// Gaps are the holes between what was asked for and what can be had.
	Gaps []Gap
}

// Chunk is what a broker's reader yields: a stretch of one partition.
type Chunk struct {
	Partition int32
	// Gap, where it is not nil, is a hole before Messages: the log no longer had them, or it was made anew.
	Gap *Gap
	// Epoch, where it is not zero, is the topic's new epoch: what was known of its partitions before is void. It comes with a Gap.
	Epoch Epoch
	// Messages are in the order of their offsets. They may be none.
	Messages []*Message
	// Next is the place after the chunk. It is past the last message, and moves over what carries no message: control
	// records, aborted transactions, compacted offsets.
	Next int64
}

// Gap is a hole: messages that will not be seen.
type Gap struct {
	Reason    GapReason
	Partition int32
	// Lost counts the offsets in the hole, before filters; LostUnknown where nobody can know.
	Lost int64
}

// LostUnknown is the Lost of a gap whose size cannot be known.
const LostUnknown = -1

// GapReason is why messages are lost to a reader.
type GapReason string

// The reasons of PROTOCOL §3.
const (
	GapRetention GapReason = "retention" // the broker's log no longer had them
	GapOverflow  GapReason = "overflow"  // the viewer was too slow
	GapEpoch     GapReason = "epoch"     // the topic was made anew
	GapBroker    GapReason = "broker"    // the broker lost them
)
