package kafka

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"

	"culvert/adapters/broker"
	"culvert/domain"
)

// A commit's metadata is text of Kafka's that everybody may write: a mark that it is ours, the topic's epoch in hexadecimal, and, after a colon, the spans in base64url of
// varints: how far each begins after the one before, or after next, and how long it is. The cluster takes 4096 bytes by default
// (offset.metadata.max.bytes); spans that do not fit are left out and delivered again, which a queue allows.
const (
	metadataMark  = "culvert1:"
	metadataSpans = 2048 // bytes of varints, so that the text stays under 3000
)

// metadataOf is what a commit of s tells besides its Next.
func metadataOf(s broker.Settled, epoch domain.Epoch) string {
	raw := make([]byte, 0, 64)
	at := s.Next
	for _, b := range s.Beyond {
		if len(raw) > metadataSpans-2*binary.MaxVarintLen64 {
			break
		}
		raw = binary.AppendUvarint(raw, uint64(b.From-at))
		raw = binary.AppendUvarint(raw, uint64(b.To-b.From))
		at = b.To
	}
	return metadataMark + strconv.FormatUint(uint64(epoch), 16) + ":" + base64.RawURLEncoding.EncodeToString(raw)
}

// restore reads a commit: its offset and its metadata. Metadata that is not ours, which is what other clients and tools commit, tells nothing beyond next, and epoch 0.
func restore(next int64, metadata string) (broker.Settled, domain.Epoch) {
	plain := broker.Settled{Next: next}
	text, ours := strings.CutPrefix(metadata, metadataMark)
	hex, spans, whole := strings.Cut(text, ":")
	epoch, err := strconv.ParseUint(hex, 16, 64)
	raw, bad := base64.RawURLEncoding.DecodeString(spans)
	if !ours || !whole || err != nil || bad != nil {
		return plain, 0
	}
	s := broker.Settled{Next: next}
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
		s.Beyond = append(s.Beyond, broker.Span{From: from, To: at})
	}
	return s, domain.Epoch(epoch)
}
