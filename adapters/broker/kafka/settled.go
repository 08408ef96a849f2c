package kafka

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"culvert/domain"
)

// settled are the offsets of one partition that a queue is finished with: all before next, and some beyond it.
type settled struct {
	next   int64
	beyond []span // sorted; neither empty nor touching each other or next
}

// span are the offsets from up to to, exclusive.
type span struct{ from, to int64 }

// add settles the offsets from up to to, exclusive.
func (s *settled) add(from, to int64) {
	from = max(from, s.next)
	if from >= to {
		return
	}
	// Spans i up to j overlap or touch the new one and become one with it.
	i, _ := slices.BinarySearchFunc(s.beyond, from, func(have span, from int64) int { return cmp.Compare(have.to, from) })
	j := i
	for j < len(s.beyond) && s.beyond[j].from <= to {
		from, to = min(from, s.beyond[j].from), max(to, s.beyond[j].to)
		j++
	}
	if from == s.next { // and then it is the first
		s.next = to
		s.beyond = slices.Delete(s.beyond, 0, j)
		return
	}
	s.beyond = slices.Replace(s.beyond, i, j, span{from, to})
}

// has reports whether offset is settled.
func (s *settled) has(offset int64) bool {
	if offset < s.next {
		return true
	}
	i, found := slices.BinarySearchFunc(s.beyond, offset, func(have span, offset int64) int { return cmp.Compare(have.from, offset) })
	return found || i > 0 && offset < s.beyond[i-1].to
}

// open is how many of the offsets from next up to to, exclusive, are not settled.
func (s *settled) open(to int64) int64 {
	n := max(to-s.next, 0)
	for _, have := range s.beyond {
		n -= max(min(have.to, to)-have.from, 0)
	}
	return n
}

// A commit's metadata is text of Kafka's that everybody may write: a mark that it is ours, the topic's epoch in hexadecimal, and, after a colon, the spans in base64url of
// varints: how far each begins after the one before, or after next, and how long it is. The cluster takes 4096 bytes by default
// (offset.metadata.max.bytes); spans that do not fit are left out and delivered again, which a queue allows.
const (
	metadataMark  = "culvert1:"
	metadataSpans = 2048 // bytes of varints, so that the text stays under 3000
)

// metadata is what a commit of s tells besides next.
func (s *settled) metadata(epoch domain.Epoch) string {
	raw := make([]byte, 0, 64)
	at := s.next
	for _, b := range s.beyond {
		if len(raw) > metadataSpans-2*binary.MaxVarintLen64 {
			break
		}
		raw = binary.AppendUvarint(raw, uint64(b.from-at))
		raw = binary.AppendUvarint(raw, uint64(b.to-b.from))
		at = b.to
	}
	return metadataMark + strconv.FormatUint(uint64(epoch), 16) + ":" + base64.RawURLEncoding.EncodeToString(raw)
}

// restore reads a commit: its offset and its metadata. Metadata that is not ours, which is what other clients and tools commit, tells nothing beyond next, and epoch 0.
func restore(next int64, metadata string) (settled, domain.Epoch) {
	plain := settled{next: next}
	text, ours := strings.CutPrefix(metadata, metadataMark)
	hex, spans, whole := strings.Cut(text, ":")
	epoch, err := strconv.ParseUint(hex, 16, 64)
	raw, bad := base64.RawURLEncoding.DecodeString(spans)
	if !ours || !whole || err != nil || bad != nil {
		return plain, 0
	}
	s := settled{next: next}
	at := next
	for len(raw) > 0 {
		skip, n := binary.Uvarint(raw)
		if n <= 0 {
			return plain, 0
		}
		length, k := binary.Uvarint(raw[n:])
		const sane = 1 << 62
		if k <= 0 || skip == 0 || length == 0 || skip > sane || length > sane || at > sane || at+int64(skip) > sane {
			return plain, 0
		}
		raw = raw[n+k:]
		from := at + int64(skip)
		at = from + int64(length)
		s.beyond = append(s.beyond, span{from, at})
	}
	return s, domain.Epoch(epoch)
}
