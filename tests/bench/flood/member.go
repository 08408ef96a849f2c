package flood

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"culvert/tests/bench/numbered"
)

// Member takes part in a queue that begins at the topic's first message, over culvert.v1.json with manual acks, until it has settled so many messages of so many publishers, each once.
type Member struct {
	Viewer
	Queue    string
	InFlight int
	// Each is how long a message is worked on before it is settled; InFlight of them at a time. 0: it is settled at once.
	Each time.Duration
}

// Run returns how long it took from the first message until the last was settled, as the bridge has said.
func (m Member) Run() (time.Duration, error) {
	s, err := dial(m.Host, "/v1/ws", "culvert.v1.json")
	if err != nil {
		return 0, err
	}
	defer s.conn.Close()
	frame := fmt.Appendf(nil, `{"op":"sub","id":"0","sub":"m","topic":%q,"queue":%q,"from":"earliest","ack":"manual","max_in_flight":%d}`, m.Topic, m.Queue, m.InFlight)
	if _, err := s.conn.Write(appendFrame(nil, frame)); err != nil {
		return 0, err
	}
	if answer, err := s.next(); err != nil || !bytes.HasPrefix(answer, []byte(`{"op":"ready"`)) {
		return 0, fmt.Errorf("not joined: %s %w", answer, err)
	}
	hauls := make(chan haul, m.InFlight)
	settled := make(chan error, 1)
	go func() { settled <- settle(s, hauls) }() // ends with hauls
	took, err := m.take(s, hauls)
	close(hauls)
	if err != nil {
		s.conn.Close()
	}
	return took, errors.Join(err, <-settled)
}

// haul is messages that came together.
type haul struct {
	receipts []byte // as a JSON list has them, each with a comma behind it
	due      time.Time
}

// settle settles what was hauled, when it is due.
func settle(s *socket, hauls <-chan haul) error {
	var frame, out []byte
	for h := range hauls {
		if wait := time.Until(h.due); wait > 0 {
			<-time.After(wait)
		}
		frame = append(frame[:0], `{"op":"done","id":"d","sub":"m","receipts":[`...)
		frame = append(append(frame, h.receipts[:len(h.receipts)-1]...), "]}"...)
		out = appendFrame(out[:0], frame)
		if _, err := s.conn.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// take hauls messages until all have come and been settled.
func (m Member) take(s *socket, hauls chan<- haul) (time.Duration, error) {
	tally := numbered.NewTally(m.Publishers, m.Messages)
	unsettled := m.Publishers * m.Messages
	var began time.Time
	var receipts []byte
	for unsettled > 0 {
		frame, err := s.next()
		if err != nil {
			return 0, fmt.Errorf("%w, with %d messages to come and %d to be settled", err, tally.Left(), unsettled)
		}
		switch n, ok, err := settledBy(frame); {
		case err != nil:
			return 0, err
		case ok:
			unsettled -= n
		default:
			if began.IsZero() {
				began = time.Now()
			}
			receipt, err := m.message(frame, tally)
			if err != nil {
				return 0, err
			}
			receipts = append(append(receipts, receipt...), ',')
		}
		if len(receipts) > 0 && s.in.Buffered() == 0 || len(receipts) > haulBytes {
			hauls <- haul{receipts, time.Now().Add(m.Each)}
			receipts = nil
		}
	}
	return time.Since(began), tally.Err()
}

// haulBytes is how many bytes of receipts are settled at once, or some more.
const haulBytes = 4 << 10

// settledBy is how many messages were settled as frame says; false where it is about something else.
func settledBy(frame []byte) (n int, ok bool, err error) {
	if !bytes.HasPrefix(frame, []byte(`{"op":"ok"`)) {
		return 0, false, nil
	}
	_, count, _ := bytes.Cut(frame, []byte(`"settled":`))
	if !bytes.HasSuffix(frame, []byte(`"unknown":[]}`)) {
		return 0, true, fmt.Errorf("not all was settled: %s", frame)
	}
	return atoi(count), true, nil
}

// message counts a message and gives its receipt, in its quotation marks.
func (m Member) message(frame []byte, tally *numbered.Tally) (receipt []byte, err error) {
	_, payload, ok := bytes.Cut(frame, []byte(`"payload":`))
	_, after, also := bytes.Cut(frame, []byte(`"receipt":`))
	end := bytes.IndexByte(after[min(1, len(after)):], '"')
	if !ok || !also || len(payload) < m.Size || end < 0 {
		return nil, fmt.Errorf("instead of a message came %s", frame)
	}
	return after[:end+2], tally.Message(payload[:m.Size], m.Size)
}
