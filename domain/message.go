package domain

import "time"

// Message is one message of a topic. It is immutable once built and shared by pointer: nobody copies it, nobody changes
// what its slices hold.
type Message struct {
	Key     []byte // nil: no key
	Headers []Header
	Payload []byte // nil: a tombstone; empty: an empty payload
	// Time is when the message was made or stored, as its broker tells; zero where it tells none. An injected message
	// has the time at which the bridge took it.
	Time time.Time
	Position
	// Fingerprint tells the message from those of another incarnation of its topic, where the broker has nothing better to tell them apart
	// (see Place); else 0.
	Fingerprint uint32
}

// Header is one header of a message. Names may repeat and their order is kept.
type Header struct {
	Name  string
	Value []byte
}

// Position is where a message stands in its topic. Brokers with one sequence use partition 0.
type Position struct {
	Partition int32
	Offset    int64
}

// NoPartition is the Partition of a message of which the broker does not tell where it stands. Its Offset then only orders the
// messages of one claim, and is nobody else's to see.
const NoPartition = -1

// Known reports whether the broker told the position.
func (p Position) Known() bool { return p.Partition != NoPartition }

// Tombstone reports whether m has no payload: it says that its key is gone.
func (m *Message) Tombstone() bool { return m.Payload == nil }

// After is the place after m.
func (m *Message) After() Place {
	return Place{Partition: m.Partition, Next: m.Offset + 1, Fingerprint: m.Fingerprint}
}

// Size is about the number of bytes that m holds in memory.
func (m *Message) Size() int {
	const overhead = 128 // the struct, its slices' headers and the allocator's rounding
	n := overhead + len(m.Key) + len(m.Payload)
	for _, h := range m.Headers {
		n += len(h.Name) + len(h.Value) + 40
	}
	return n
}
