package broker

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

// The reserved metadata: what a Watermill message has no field for.
const (
	// MetadataKey is the message's key where it is text of one line, else MetadataKey64 is it in base64 (RFC 4648 §4).
	MetadataKey   = "culvert-key"
	MetadataKey64 = "culvert-key64"
	// MetadataTombstone is "1" on a tombstone. Without it a message without payload has an empty one.
	MetadataTombstone = "culvert-tombstone"
	// MetadataTime is the message's time in unix milliseconds.
	MetadataTime = "culvert-time"
	// MetadataHeaders is the list of headers, where metadata alone would lose something: order, repeated names, binary values. It
	// has a Go string literal for each name, followed by a colon and a literal for the value where that is not the
	// metadata of the same name; entries are separated by spaces.
	MetadataHeaders = "culvert-headers"
)

// Encode makes a Watermill message of m, with a new UUID where id is empty. The payload is shared, not copied.
func Encode(id string, m *domain.Message) *message.Message {
	if id == "" {
		id = watermill.NewUUID()
	}
	w := message.NewMessage(id, m.Payload)
	w.Metadata = make(message.Metadata, len(m.Headers)+3)
	if m.Key != nil {
		if isPlain(string(m.Key)) {
			w.Metadata[MetadataKey] = string(m.Key)
		} else {
			w.Metadata[MetadataKey64] = base64.StdEncoding.EncodeToString(m.Key)
		}
	}
	if m.Tombstone() {
		w.Metadata[MetadataTombstone] = "1"
	}
	if !m.Time.IsZero() {
		w.Metadata[MetadataTime] = strconv.FormatInt(m.Time.UnixMilli(), 10)
	}
	encodeHeaders(w.Metadata, m.Headers)
	return w
}

// Decode makes a message of w, whoever wrote it: what cannot be read as ours is taken as it is. The payload is shared, not copied. The position is
// not set, the time only where w tells one.
func Decode(w *message.Message) *domain.Message {
	m := &domain.Message{Payload: w.Payload, Headers: decodeHeaders(w.Metadata)}
	if key, ok := w.Metadata[MetadataKey]; ok {
		m.Key = []byte(key)
	} else if text, ok := w.Metadata[MetadataKey64]; ok {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			m.Key = key
		} else {
			m.Key = []byte(text)
		}
	}
	switch {
	case w.Metadata[MetadataTombstone] == "1":
		m.Payload = nil
	case m.Payload == nil:
		m.Payload = []byte{}
	}
	if ms, err := strconv.ParseInt(w.Metadata[MetadataTime], 10, 64); err == nil {
		m.Time = time.UnixMilli(ms).UTC()
	}
	return m
}

// isPlain reports whether s passes through any backend's metadata as it is: some of them trim spaces or fold lines.
func isPlain(s string) bool {
	return utf8.ValidString(s) && s == strings.TrimSpace(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
