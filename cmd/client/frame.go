package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Frame is one frame of culvert.v1.json or one line of NDJSON, which say the same (PROTOCOL §3 and §4). Fields that it does not have are zero.
type Frame struct {
	// Raw is the object as it came, without a line end. It is valid until the next frame is read.
	Raw []byte `json:"-"`

	Op string `json:"op"`
	ID string `json:"id"`

	Topic     string          `json:"topic"`
	Partition *int            `json:"partition"` // nil where the broker has none
	Offset    *int64          `json:"offset"`    // as above
	Key       *string         `json:"key"`
	Key64     *[]byte         `json:"key64"`
	Headers   []Header        `json:"headers"`
	Time      string          `json:"time"`
	Embedded  json.RawMessage `json:"payload"`
	Text      *string         `json:"text"`
	Base64    *[]byte         `json:"base64"`
	Cursor    string          `json:"cursor"`
	Receipt   string          `json:"receipt"`
	Attempt   int             `json:"attempt"`

	Stream      string `json:"stream"`
	Resumed     *bool  `json:"resumed"`
	HeartbeatMS int64  `json:"heartbeat_ms"`

	Reason    string `json:"reason"`
	Lost      *int64 `json:"lost"`
	Reconnect bool   `json:"reconnect"`
	RetryMS   int64  `json:"retry_ms"`

	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Retryable bool   `json:"retryable"`
}

// parse reads a frame. raw stays the frame's.
func parse(raw []byte) (*Frame, error) {
	f := &Frame{Raw: raw}
	if err := json.Unmarshal(raw, f); err != nil {
		return nil, fmt.Errorf("the bridge sent what cannot be read: %w", err)
	}
	return f, nil
}

// Tombstone reports whether the message has no payload.
func (f *Frame) Tombstone() bool { return string(f.Embedded) == "null" }

// KeyBytes is the message's key; nil where it has none.
func (f *Frame) KeyBytes() []byte {
	switch {
	case f.Key64 != nil:
		return *f.Key64
	case f.Key != nil:
		return []byte(*f.Key)
	}
	return nil
}

// Payload is the message's payload; nil of a tombstone. Line ends between the tokens of JSON have come as spaces.
func (f *Frame) Payload() []byte {
	switch {
	case f.Base64 != nil:
		return *f.Base64
	case f.Text != nil:
		return []byte(*f.Text)
	case f.Tombstone():
		return nil
	}
	return f.Embedded
}

// problem is that of an err.
func (f *Frame) problem() *Problem {
	return &Problem{Code: f.Code, Detail: f.Detail, Retryable: f.Retryable}
}

// bye is that of a bye.
func (f *Frame) bye() *Bye { return &Bye{f.Reason, time.Duration(f.RetryMS) * time.Millisecond} }

// Header is one header of a message. Names may repeat.
type Header struct {
	Name  string
	Value []byte
}

// UnmarshalJSON reads ["name","value"] or ["name",null,"<base64>"].
func (h *Header) UnmarshalJSON(text []byte) error {
	var parts []*string
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	switch {
	case len(parts) == 2 && parts[0] != nil && parts[1] != nil:
		h.Name, h.Value = *parts[0], []byte(*parts[1])
		return nil
	case len(parts) == 3 && parts[0] != nil && parts[2] != nil:
		value, err := base64.StdEncoding.DecodeString(*parts[2])
		h.Name, h.Value = *parts[0], value
		return err
	}
	return errors.New(`a header is ["name","value"] or ["name",null,"<base64>"]`)
}
