package client

// seen tells messages that come again after a break, since not every message has a cursor: the next offset of each partition. In a
// view a partition's offsets only grow, until its epoch ends.
type seen map[place]int64

type place struct {
	topic     string
	partition int
}

// first reports whether f is new.
func (s seen) first(f *Frame) bool {
	if f.Partition == nil || f.Offset == nil {
		return true
	}
	at := place{f.Topic, *f.Partition}
	if *f.Offset < s[at] {
		return false
	}
	s[at] = *f.Offset + 1
	return true
}

// gap forgets what an epoch that ended had.
func (s seen) gap(f *Frame) {
	if f.Reason == "epoch" && f.Partition != nil {
		delete(s, place{f.Topic, *f.Partition})
	}
}
