package flood

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"

	"culvert/tests/bench/numbered"
)

// Viewer reads a topic from its beginning, until each of so many messages of so many publishers has come once.
type Viewer struct {
	Host       string // where the bridge listens
	Topic      string
	Publishers int
	Messages   int // of each of them
	Size       int // of a message, in bytes
}

// Raw reads over culvert.v1.raw.
func (v Viewer) Raw() error {
	s, err := dial(v.Host, "/v1/topics/"+v.Topic+"/ws?mode=view&from=earliest", "culvert.v1.raw")
	if err != nil {
		return err
	}
	defer s.conn.Close()
	tally := numbered.NewTally(v.Publishers, v.Messages)
	for tally.Left() > 0 {
		message, err := s.next()
		if err != nil {
			return fmt.Errorf("%w, with %d messages to come", err, tally.Left())
		}
		if err := tally.Message(message, v.Size); err != nil {
			return err
		}
	}
	return nil
}

// SSE reads server-sent events.
func (v Viewer) SSE() error {
	conn, err := net.DialTimeout("tcp", v.Host, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /v1/topics/%s/events?from=earliest HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", v.Topic, v.Host); err != nil {
		return err
	}
	in := bufio.NewReaderSize(patient{conn}, 256<<10)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the stream was answered %s", answer.Status)
	}
	if len(answer.TransferEncoding) > 0 {
		in = bufio.NewReaderSize(httputil.NewChunkedReader(in), 256<<10)
	}
	return v.events(in)
}

func (v Viewer) events(in *bufio.Reader) error {
	tally := numbered.NewTally(v.Publishers, v.Messages)
	named := false // the event is not a message
	for tally.Left() > 0 {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("%w, with %d messages to come", err, tally.Left())
		}
		switch data, is := bytes.CutPrefix(line, []byte("data: ")); {
		case len(line) == 1:
			named = false
		case bytes.HasPrefix(line, []byte("event: ready")):
			named = true
		case bytes.HasPrefix(line, []byte("event: ")):
			return fmt.Errorf("instead of a message came %s", line)
		case is && !named:
			if err := tally.Message(data[:len(data)-1], v.Size); err != nil {
				return err
			}
		}
	}
	return nil
}
