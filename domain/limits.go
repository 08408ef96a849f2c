package domain

import "fmt"

// Limits bound what a stranger controls. They are one section of the configuration, shared by the services and the edges.
type Limits struct {
	// MessageBytes is the largest payload. Larger ones are too-large.
	MessageBytes int `mapstructure:"message_bytes"`
	// KeyBytes is the longest key of a message or a filter.
	KeyBytes int `mapstructure:"key_bytes"`
	// Headers is how many headers a message may carry.
	Headers int `mapstructure:"headers"`
	// HeaderBytes is how much all names and values of a message's headers hold together.
	HeaderBytes int `mapstructure:"header_bytes"`
	// FramesPerMessage is how many frames one WebSocket message may hold.
	FramesPerMessage int `mapstructure:"frames_per_message"`
	// BatchMessages is how many messages one POST of a JSON batch may hold.
	BatchMessages int `mapstructure:"batch_messages"`
	// Connections is how many streams and sockets the node serves at a time.
	Connections int `mapstructure:"connections"`
	// Subscriptions is how many live subscriptions one WebSocket may have.
	Subscriptions int `mapstructure:"subscriptions"`
	// URLBytes is how long the path and query of a request may be.
	URLBytes int `mapstructure:"url_bytes"`
	// Parameters is how many query parameters a request may have.
	Parameters int `mapstructure:"parameters"`
	// InFlight is the most that max_in_flight can ask for.
	InFlight int `mapstructure:"in_flight"`
}

// DefaultLimits are safe on a machine that strangers can reach.
func DefaultLimits() Limits {
	return Limits{
		MessageBytes:     1_000_000,
		KeyBytes:         4096,
		Headers:          100,
		HeaderBytes:      32 << 10,
		FramesPerMessage: 1000,
		BatchMessages:    10_000,
		Connections:      20_000,
		Subscriptions:    200,
		URLBytes:         16 << 10,
		Parameters:       200,
		InFlight:         10_000,
	}
}

// Validate says which limit cannot be.
func (l Limits) Validate() error {
	for _, v := range []struct {
		name string
		n    int
	}{
		{"message_bytes", l.MessageBytes},
		{"key_bytes", l.KeyBytes},
		{"headers", l.Headers},
		{"header_bytes", l.HeaderBytes},
		{"frames_per_message", l.FramesPerMessage},
		{"batch_messages", l.BatchMessages},
		{"connections", l.Connections},
		{"subscriptions", l.Subscriptions},
		{"url_bytes", l.URLBytes},
		{"parameters", l.Parameters},
		{"in_flight", l.InFlight},
	} {
		if v.n < 1 {
			return fmt.Errorf("limits.%s is %d: it must be at least 1", v.name, v.n)
		}
	}
	if l.URLBytes < MaxCursor {
		return fmt.Errorf("limits.url_bytes is %d: a cursor alone may have %d bytes", l.URLBytes, MaxCursor)
	}
	return nil
}

// Check refuses a message that is larger than the limits.
func (l Limits) Check(m *Message) error {
	if len(m.Payload) > l.MessageBytes {
		return Errorf(TooLarge, "the payload has %d bytes; at most %d are taken (limits.message_bytes)", len(m.Payload), l.MessageBytes)
	}
	if len(m.Key) > l.KeyBytes {
		return Errorf(TooLarge, "the key has %d bytes; at most %d are taken (limits.key_bytes)", len(m.Key), l.KeyBytes)
	}
	if len(m.Headers) > l.Headers {
		return Errorf(TooLarge, "the message has %d headers; at most %d are taken (limits.headers)", len(m.Headers), l.Headers)
	}
	n := 0
	for _, h := range m.Headers {
		n += len(h.Name) + len(h.Value)
	}
	if n > l.HeaderBytes {
		return Errorf(TooLarge, "the headers have %d bytes; at most %d are taken (limits.header_bytes)", n, l.HeaderBytes)
	}
	return nil
}
