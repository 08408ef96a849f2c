package described

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// Socket judges what is said on one WebSocket. Its methods may be called from any goroutine.
type Socket struct {
	d       *descriptions
	channel *channel
	frames  bool   // whether culvert.v1.json is spoken
	mode    string // of a raw socket

	mu   sync.Mutex // guards what follows
	left int
	sent map[string][]byte // frames that the client sent, by their ids
}

// NewSocket is for a socket at a URL that speaks subprotocol, or its default where that is empty.
func NewSocket(address, subprotocol string) (*Socket, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	s := &Socket{d: d, left: enough, mode: u.Query().Get("mode"), sent: map[string][]byte{}}
	segments := strings.Split(u.EscapedPath(), "/")
	for path, c := range d.channels {
		if _, ok := match(strings.Split(path, "/"), segments); ok {
			s.channel = c
		}
	}
	if s.channel == nil { // a route of the configuration, which may be a topic's or a queue's, in a mode that it has another name for
		s.channel, s.mode = d.channels["/v1/topics/{topic}/ws"], "any"
	}
	s.frames = subprotocol == "culvert.v1.json" || subprotocol == "" && s.channel == d.channels["/v1/ws"]
	return s, nil
}

// Sends takes what the client sends: text, of one frame or more. That is judged when it is answered well: what a bridge accepts must be described.
func (s *Socket) Sends(text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left <= 0 {
		return
	}
	for frame := range strings.SplitSeq(string(text), "\n") {
		var f struct{ ID string }
		if s.frames && json.Unmarshal([]byte(frame), &f) == nil && f.ID != "" && len(s.sent) < 1000 {
			s.sent[f.ID] = []byte(frame)
		}
	}
}

// Says judges what the bridge says in one text message.
func (s *Socket) Says(text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left <= 0 {
		return nil
	}
	s.left -= len(text)
	if !s.frames {
		return s.raw(text)
	}
	for frame := range strings.SplitSeq(string(text), "\n") {
		if err := s.frame([]byte(frame)); err != nil {
			return fmt.Errorf("%w: %w", ErrUndescribed, err)
		}
	}
	return nil
}

// raw judges text on a raw socket: where nothing is shown it is a confirmation.
func (s *Socket) raw(text []byte) error {
	if s.mode != "" && s.mode != "inject" || s.channel != s.d.channels["/v1/topics/{topic}/ws"] {
		return nil
	}
	for _, m := range s.channel.sent {
		if m.name == "confirmation" {
			return m.payload.Validate(string(text))
		}
	}
	return nil
}

func (s *Socket) frame(frame []byte) error {
	if s.d.judged.often("frame " + op(frame)) {
		return nil
	}
	if err := among(s.channel.sent, frame); err != nil {
		return err
	}
	var f struct{ Op, ID string }
	if err := json.Unmarshal(frame, &f); err != nil {
		return err
	}
	asked, ok := s.sent[f.ID]
	if !ok {
		return nil
	}
	delete(s.sent, f.ID)
	if f.Op == "err" {
		return nil
	}
	if err := among(s.channel.heard, asked); err != nil {
		return fmt.Errorf("%s was answered by %s: %w", asked, frame, err)
	}
	return nil
}

// among judges a frame as one of these kinds.
func among(kinds []*message, frame []byte) error {
	var why []error
	op := op(frame)
	for _, m := range kinds {
		if m.op == "" || m.op != op {
			continue
		}
		err := check(m.payload, frame)
		if err == nil {
			return nil
		}
		why = append(why, fmt.Errorf("no %s: %w", m.name, err))
	}
	return errUndescribed("the frame", frame, why)
}
