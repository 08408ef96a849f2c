package domain

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// Cursor says of one or more topics what has been seen. Its text is what clients store: opaque to them,
// [A-Za-z0-9_-], at most MaxCursor bytes.
//
// A name with * is a pattern that the stream asked for: its vector is the place of the topics that fit it and are not named themselves. They came
// up after the cursor was made, or were not known when it was, and begin as a partition without a place does.
//
// The text is base64url without padding (RFC 4648 §5) of: a version byte; a byte of flags (1: End, 2: there are fingerprints); the number of topics; for each topic its name with its length,
// the epoch in eight bytes, twice Since in milliseconds or twice Last plus one, the number of places, and for each place the distance of its partition to the one before and
// twice its offset, or twice its time in milliseconds plus one where it is pending; with the flag 2, which is set only where some place has a fingerprint, the fingerprint of each place
// that is not pending follows it; last a CRC-32C of all that. Numbers are unsigned varints unless a width is given; widths are little-endian.
type Cursor struct {
	Topics []TopicVector
	// End marks that the stream reached the end that its request asked for.
	End bool
}

// TopicVector is the vector of one topic in a cursor, or of all those that a pattern names.
type TopicVector struct {
	Topic  Pattern
	Vector *Vector
}

// MaxCursor is how long the text of a cursor can be, in bytes.
const MaxCursor = 4096

const (
	cursorVersion = 1
	cursorEnd     = 1 // the flags
	cursorPrints  = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CursorOf is the cursor of a single topic.
func CursorOf(topic Topic, v *Vector) Cursor {
	return Cursor{Topics: []TopicVector{{Pattern(topic), v}}}
}

// Vector is the vector of topic: its own, or that of a pattern that names it; nil where the cursor has none.
func (c Cursor) Vector(topic Topic) *Vector {
	if i := c.find(Pattern(topic)); i >= 0 {
		return c.Topics[i].Vector
	}
	for _, t := range c.Topics {
		if t.Topic.Matches(topic) {
			return t.Vector
		}
	}
	return nil
}

// Has reports whether the cursor names the topic, or the pattern, as it stands.
func (c Cursor) Has(topic Pattern) bool { return c.find(topic) >= 0 }

// Of is what c says of topics: its own vectors for them, and for those that fit a pattern among them.
func (c Cursor) Of(topics []Pattern) Cursor {
	of := Cursor{End: c.End}
	for _, want := range topics {
		if topic, one := want.Topic(); one {
			if v := c.Vector(topic); v != nil {
				of = of.With(want, v)
			}
			continue
		}
		for _, had := range c.Topics {
			if topic, one := had.Topic.Topic(); had.Topic == want || one && want.Matches(topic) {
				of = of.With(had.Topic, had.Vector)
			}
		}
	}
	return of
}

// Shares reports whether c says something of one of topics.
func (c Cursor) Shares(topics []Pattern) bool { return len(c.Of(topics).Topics) > 0 }

// With is c with another vector for a topic or a pattern. c stays as it is.
func (c Cursor) With(topic Pattern, v *Vector) Cursor {
	topics := make([]TopicVector, len(c.Topics), len(c.Topics)+1)
	copy(topics, c.Topics)
	if i := c.find(topic); i >= 0 {
		topics[i].Vector = v
	} else {
		topics = append(topics, TopicVector{topic, v})
	}
	return Cursor{Topics: topics, End: c.End}
}

func (c Cursor) find(topic Pattern) int {
	for i, t := range c.Topics {
		if t.Topic == topic {
			return i
		}
	}
	return -1
}

// Fits reports whether the cursor's text stays within MaxCursor while its places move on, up to offsets that no log reaches (2^48).
func (c Cursor) Fits() bool {
	const (
		envelope = 1 + 1 + 2 + 4 // version, flags, number of topics, checksum
		topic    = 2 + 8 + 6 + 2 // the name's length, epoch, Since, number of places
		place    = 7             // offset or time; the partition's distance comes on top
		mark     = 5             // a fingerprint
	)
	n := envelope
	prints := c.fingerprinted()
	for _, t := range c.Topics {
		n += topic + len(t.Topic)
		before := int32(0)
		for _, p := range t.Vector.places {
			n += len(binary.AppendUvarint(nil, uint64(p.Partition-before))) + place
			before = p.Partition
			if prints {
				n += mark
			}
		}
	}
	return base64.RawURLEncoding.EncodedLen(n) <= MaxCursor
}

// String is the cursor's text.
func (c Cursor) String() string {
	raw := make([]byte, 0, 128)
	flags := byte(0)
	if c.End {
		flags |= cursorEnd
	}
	prints := c.fingerprinted()
	if prints {
		flags |= cursorPrints
	}
	raw = append(raw, cursorVersion, flags)
	raw = binary.AppendUvarint(raw, uint64(len(c.Topics)))
	for _, t := range c.Topics {
		raw = binary.AppendUvarint(raw, uint64(len(t.Topic)))
		raw = append(raw, t.Topic...)
		raw = binary.LittleEndian.AppendUint64(raw, uint64(t.Vector.Epoch))
		if t.Vector.Last > 0 {
			raw = binary.AppendUvarint(raw, uint64(t.Vector.Last)<<1|1)
		} else {
			raw = binary.AppendUvarint(raw, millis(t.Vector.Since)<<1)
		}
		raw = binary.AppendUvarint(raw, uint64(len(t.Vector.places)))
		before := int32(0)
		for _, p := range t.Vector.places {
			raw = binary.AppendUvarint(raw, uint64(p.Partition-before))
			before = p.Partition
			if p.Pending() {
				raw = binary.AppendUvarint(raw, millis(p.Since)<<1|1)
			} else {
				raw = binary.AppendUvarint(raw, uint64(p.Next)<<1)
				if prints {
					raw = binary.AppendUvarint(raw, uint64(p.Fingerprint))
				}
			}
		}
	}
	raw = binary.LittleEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	var text [192]byte // enough for most
	return string(base64.RawURLEncoding.AppendEncode(text[:0], raw))
}

// fingerprinted reports whether some place has a fingerprint that its text must hold.
func (c Cursor) fingerprinted() bool {
	for _, t := range c.Topics {
		for _, p := range t.Vector.places {
			if p.Fingerprint != 0 && !p.Pending() {
				return true
			}
		}
	}
	return false
}

// millis keeps a time that is set apart from one that is not, even at the epoch itself.
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixMilli(), 1))
}

// ParseCursor reads a cursor's text. What cannot be read is an InvalidCursor error.
func ParseCursor(s string) (Cursor, error) {
	if len(s) > MaxCursor {
		return Cursor{}, Errorf(InvalidCursor, "the cursor has %d bytes; cursors have at most %d", len(s), MaxCursor)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) < 2+4 {
		return Cursor{}, Errorf(InvalidCursor, "this is not a cursor: give back the id of an event as it came, or leave it out and say where to begin with from")
	}
	body, sum := raw[:len(raw)-4], binary.LittleEndian.Uint32(raw[len(raw)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return Cursor{}, Errorf(InvalidCursor, "the cursor is damaged: its checksum does not match; give it back as it came")
	}
	if body[0] != cursorVersion {
		return Cursor{}, Errorf(InvalidCursor, "the cursor is of version %d, this server reads version %d", body[0], cursorVersion)
	}
	r := cursorReader{rest: body[2:], prints: body[1]&cursorPrints != 0}
	c := Cursor{End: body[1]&cursorEnd != 0}
	for range r.count() {
		c.Topics = append(c.Topics, r.topic())
	}
	if r.bad || len(r.rest) != 0 || body[1]&^(cursorEnd|cursorPrints) != 0 || r.prints && !c.fingerprinted() {
		return Cursor{}, Errorf(InvalidCursor, "the cursor cannot be read")
	}
	return c, nil
}

type cursorReader struct {
	rest   []byte
	prints bool // places have fingerprints
	bad    bool
}

func (r *cursorReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads how many things follow. Each takes at least a byte, so that a lie is seen before anything is made for it.
func (r *cursorReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *cursorReader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.bad = true
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *cursorReader) topic() TopicVector {
	topic, err := ParsePattern(string(r.bytes(r.count())))
	v := &Vector{Epoch: Epoch(binary.LittleEndian.Uint64(r.bytes(8)))}
	if start := r.uvarint(); start&1 == 1 {
		v.Last = int64(start >> 1)
		r.bad = r.bad || v.Last == 0
	} else {
		v.Since = r.time(start >> 1)
	}
	partition := uint64(0)
	for i := range r.count() {
		step := r.uvarint()
		partition += step
		if r.bad || partition > math.MaxInt32 || i > 0 && step == 0 {
			r.bad = true
			break
		}
		p := Place{Partition: int32(partition)}
		if at := r.uvarint(); at&1 == 1 {
			p.Since = r.time(at >> 1)
			r.bad = r.bad || p.Since.IsZero()
		} else {
			p.Next = int64(at >> 1)
			p.Fingerprint = r.fingerprint()
		}
		v.places = append(v.places, p)
	}
	r.bad = r.bad || err != nil
	return TopicVector{topic, v}
}

func (r *cursorReader) fingerprint() uint32 {
	if !r.prints {
		return 0
	}
	v := r.uvarint()
	r.bad = r.bad || v > math.MaxUint32
	return uint32(v)
}

func (r *cursorReader) time(ms uint64) time.Time {
	const year9999 = 253402300799999
	if ms > year9999 {
		r.bad = true
	}
	if ms == 0 || r.bad {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}
