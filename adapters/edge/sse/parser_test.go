package sse

import (
	"strings"
)

// parsed is one event as a page sees it.
type parsed struct {
	Type, Data, ID string
}

// source reads an event stream as WHATWG HTML §9.2.6 tells browsers to. It shares nothing with what writes it.
type source struct {
	events  []parsed
	retries []string
	lastID  string
	// rest is what has come since the last blank line: an event that is not dispatched.
	data, kind string
	seen       bool
}

func (s *source) read(stream string) {
	stream = strings.TrimPrefix(stream, "\ufeff")
	for len(stream) > 0 {
		end := strings.IndexAny(stream, "\r\n")
		if end < 0 {
			return // a line that has not ended is not processed
		}
		line := stream[:end]
		if strings.HasPrefix(stream[end:], "\r\n") {
			end++
		}
		stream = stream[end+1:]
		s.line(line)
	}
}

func (s *source) line(line string) {
	if line == "" {
		s.dispatch()
		return
	}
	if line[0] == ':' {
		return
	}
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		s.kind = value
	case "data":
		s.data += value + "\n"
		s.seen = true
	case "id":
		if !strings.Contains(value, "\x00") {
			s.lastID = value
		}
	case "retry":
		if strings.Trim(value, "0123456789") == "" {
			s.retries = append(s.retries, value)
		}
	}
}

func (s *source) dispatch() {
	data, kind, seen := s.data, s.kind, s.seen
	s.data, s.kind, s.seen = "", "", false
	if !seen {
		return
	}
	if kind == "" {
		kind = "message"
	}
	s.events = append(s.events, parsed{kind, strings.TrimSuffix(data, "\n"), s.lastID})
}
