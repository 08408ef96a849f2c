package amqp

import (
	"strconv"
	"time"

	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// What AMQP has no field for stands in headers. We write them as long strings, which hold any octets, and which watermill-amqp can read; whatever else they
// are is understood.
const (
	headerKey       = "culvert-key"
	headerTombstone = "culvert-tombstone" // "1" on a tombstone; without it a message without a body has an empty payload
	headerTime      = "culvert-time"      // unix milliseconds; AMQP's own timestamp is of whole seconds
	headerList      = "culvert-headers"   // see appendList
	headerUUID      = wamqp.DefaultMessageUUIDHeaderKey
)

// encode makes an AMQP message of m, with an id that is Watermill's UUID of it. The payload is shared, not copied.
func encode(id string, m *domain.Message) amqp091.Publishing {
	p := amqp091.Publishing{
		Headers:      make(amqp091.Table, len(m.Headers)+4),
		DeliveryMode: amqp091.Persistent,
		Body:         m.Payload,
	}
	if len(id) <= longestName {
		p.MessageId = id
	}
	if m.Time.Unix() > 0 { // AMQP has no times before 1970
		p.Timestamp = m.Time
	}
	encodeHeaders(p.Headers, m.Headers)
	p.Headers[headerUUID] = id
	if m.Key != nil {
		p.Headers[headerKey] = string(m.Key)
	}
	if m.Tombstone() {
		p.Headers[headerTombstone] = "1"
	}
	if !m.Time.IsZero() {
		p.Headers[headerTime] = strconv.FormatInt(m.Time.UnixMilli(), 10)
	}
	return p
}

// decode makes a message of d, whoever wrote it: it never fails. The payload is shared, not copied. The position is not set, the time only where d tells one.
func decode(d *amqp091.Delivery) *domain.Message {
	m := &domain.Message{Payload: d.Body, Headers: decodeHeaders(d), Time: timeOf(d)}
	if key, ok := d.Headers[headerKey]; ok {
		m.Key = text(key)
	}
	if len(m.Payload) == 0 {
		m.Payload = []byte{}
		if tombstone, ok := d.Headers[headerTombstone]; ok && string(text(tombstone)) == "1" {
			m.Payload = nil
		}
	}
	return m
}

// endOfTime is the last time that four digits of a year can tell.
var endOfTime = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// timeOf is when d was made; zero where it does not tell, or tells what cannot be.
func timeOf(d *amqp091.Delivery) time.Time {
	at := d.Timestamp
	switch told := d.Headers[headerTime].(type) {
	case nil:
	case time.Time:
		at = told
	default:
		if ms, err := strconv.ParseInt(string(text(told)), 10, 64); err == nil {
			at = time.UnixMilli(ms)
		}
	}
	if at.Before(time.UnixMilli(0)) || at.After(endOfTime) {
		return time.Time{}
	}
	return at.UTC()
}

// propertiesSize is how many bytes a publishing of ours has besides its body. All that must fit into one frame.
func propertiesSize(p amqp091.Publishing) int {
	const fixed = 2 + 4 + 1 + 8 // the flags, the length of the table, the delivery mode, the timestamp
	n := fixed + 1 + len(p.MessageId)
	for name, value := range p.Headers {
		n += 1 + len(name) + fieldSize(value)
	}
	return n
}

func fieldSize(value any) int {
	const tag = 1 + 4 // the type and the length
	switch value := value.(type) {
	case string:
		return tag + len(value)
	case []any:
		n := tag
		for _, v := range value {
			n += fieldSize(v)
		}
		return n
	}
	return tag // encode writes nothing else
}
