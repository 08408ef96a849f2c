// Package source reads the messages that shall be published out of files and lines.
package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"culvert/cmd/client"
)

// Shape is what a message looks like in the input.
type Shape int

const (
	Line  Shape = iota // a line is a payload, or a key and a payload
	JSON               // a line is the object of a pub
	Key                // a line is the key of a tombstone
	Whole              // a file is a payload
)

// Config says how messages are read.
type Config struct {
	Shape Shape
	// Topic is where they go; an object of JSON may name another one.
	Topic string
	// Separator parts the key from the payload in a Line; empty: lines have no key of their own.
	Separator string
	// Key is that of every Line and Whole; nil: none.
	Key []byte
	// Headers are those of every message but JSON's.
	Headers []client.Header
}

// maxBytes is how long a message may be that is read: far beyond what a bridge takes by default, and little enough to hold.
const maxBytes = 16 << 20

// Source gives the messages of some files, one file after the other. Not for concurrent use.
type Source struct {
	cfg   Config
	files []string
	stdin io.Reader

	name   string
	closer io.Closer
	lines  *bufio.Reader // of the open file; nil where there is none
	number int           // of the line that was read last
}

// Stdin names the standard input.
const Stdin = "-"

// New makes the source of files, of which - is stdin. It looks whether they are there.
func New(files []string, stdin io.Reader, cfg Config) (*Source, error) {
	for _, name := range files {
		if name == Stdin {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, reading(name, err)
		}
		if info.IsDir() {
			return nil, fmt.Errorf("%s is a folder", name)
		}
	}
	return &Source{cfg: cfg, files: files, stdin: stdin}, nil
}

// Next gives the next message, and io.EOF behind the last. What is wrong with one message is its Err; any other error ends the source. It blocks as reading does.
func (s *Source) Next() (client.Message, error) {
	for {
		if s.lines == nil {
			if len(s.files) == 0 {
				return client.Message{}, io.EOF
			}
			if err := s.open(); err != nil {
				return client.Message{}, err
			}
			if s.cfg.Shape == Whole {
				return s.whole()
			}
		}
		m, found, err := s.line()
		switch {
		case errors.Is(err, io.EOF):
			s.close()
		case err != nil:
			s.close()
			return m, reading(s.name, err)
		case found:
			return m, nil
		}
	}
}

func (s *Source) open() error {
	s.name, s.files, s.number = s.files[0], s.files[1:], 0
	if s.name == Stdin {
		s.name = "stdin"
		s.lines, s.closer = bufio.NewReaderSize(s.stdin, 64<<10), io.NopCloser(s.stdin)
		return nil
	}
	file, err := os.Open(s.name)
	if err != nil {
		return reading(s.name, err)
	}
	s.lines, s.closer = bufio.NewReaderSize(file, 64<<10), file
	return nil
}

// reading tells of a file that cannot be read. It is named once, whether err names it or not.
func reading(name string, err error) error {
	if inner := (*os.PathError)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("reading %s: %w", name, err)
}

func (s *Source) close() {
	s.closer.Close()
	s.lines = nil
}

func (s *Source) whole() (client.Message, error) {
	defer s.close()
	payload, err := io.ReadAll(io.LimitReader(s.lines, maxBytes+1))
	if err != nil {
		return client.Message{}, reading(s.name, err)
	}
	m := s.message(s.name)
	if len(payload) > maxBytes {
		m.Err = errTooLong
		return m, nil
	}
	m.Payload = payload
	return m, nil
}

var errTooLong = fmt.Errorf("a message of over %d bytes is not read", maxBytes)

// line reads the next line; found is false where it is no message.
func (s *Source) line() (m client.Message, found bool, err error) {
	line, tooLong, err := s.read()
	if err != nil {
		return m, false, err
	}
	s.number++
	m = s.message(fmt.Sprintf("%s:%d", s.name, s.number))
	if tooLong {
		m.Err = errTooLong
		return m, true, nil
	}
	if s.cfg.Shape != Line && len(bytes.TrimSpace(line)) == 0 {
		return m, false, nil
	}
	switch s.cfg.Shape {
	case JSON:
		where := m.Where
		m, err = client.ParsePub(line, s.cfg.Topic)
		m.Where, m.Err = where, err
	case Key:
		m.Key = line
	default:
		s.split(&m, line)
	}
	return m, true, nil
}

// split takes a line apart.
func (s *Source) split(m *client.Message, line []byte) {
	m.Payload = line
	if s.cfg.Separator == "" {
		return
	}
	key, payload, found := bytes.Cut(line, []byte(s.cfg.Separator))
	if !found {
		m.Err = fmt.Errorf("there is no %q between a key and a payload in it", s.cfg.Separator)
		return
	}
	m.Key, m.Payload = key, payload
}

// message is one without a payload yet.
func (s *Source) message(where string) client.Message {
	return client.Message{Where: where, Topic: s.cfg.Topic, Key: s.cfg.Key, Headers: s.cfg.Headers}
}

// read gives a line of its own memory, never nil, without its end, which is LF or CRLF. Of a line that is too long nothing is kept. The last line needs no end.
func (s *Source) read() (line []byte, tooLong bool, err error) {
	line = []byte{}
	some := false
	for {
		part, err := s.lines.ReadSlice('\n')
		some = some || len(part) > 0
		if tooLong = tooLong || len(line)+len(part) > maxBytes; tooLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && some:
			return line, tooLong, nil
		case err != nil:
			return nil, false, err
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		return line, tooLong, nil
	}
}
