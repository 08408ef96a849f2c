package domain

// Opening is what a broker's reader found when it began: where every partition is read from.
type Opening struct {
	// Vector holds the topic's epoch and the place of every partition that there is; pending where it cannot be read yet. Places have their
	// fingerprints where the broker gives some, those that were asked for and stand keep theirs.
	//
	// Where the broker goes by fingerprints the epoch may be another one than was asked for, and the places stand all the same; or the
	// same one although the topic was made anew, which a gap tells.
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
	// A Gap with GapEpoch says the same of a partition that has been read already, be the epoch the one it was.
	Epoch Epoch
	// Messages are in the order of their offsets. They may be none.
	Messages []*Message
	// Next is the place after the chunk. It is past the last message, and moves over what carries no message: control
	// records, aborted transactions, compacted offsets.
	Next int64
}

// Begin is the place at which the partition goes on after the chunk's gap. What stands before it is not known.
func (c Chunk) Begin() Place {
	if len(c.Messages) > 0 {
		return Place{Partition: c.Partition, Next: c.Messages[0].Offset}
	}
	return Place{Partition: c.Partition, Next: c.Next}
}

// After is the place after the chunk for who was at before. It has a fingerprint where it is just past a message, or where the
// chunk did not move it.
func (c Chunk) After(before Place) Place {
	if n := len(c.Messages); n > 0 {
		if after := c.Messages[n-1].After(); after.Next == c.Next {
			return after
		}
	} else if c.Gap == nil && !before.Pending() && before.Next == c.Next {
		return before
	}
	return Place{Partition: c.Partition, Next: c.Next}
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
