// Package display shows people and programs what a bridge has sent.
package display

import (
	"bufio"
	"fmt"
	"io"

	"culvert/cmd/client"
)

// Printer shows the frames of a stream: messages and gaps. Not for concurrent use.
type Printer interface {
	// Frame shows one. It may be kept back until Flush.
	Frame(f *client.Frame) error
	// Flush brings out what was kept back.
	Flush() error
}

// The kinds of output.
const (
	Text = "text" // a line for people
	JSON = "json" // the frame as it came, a line each
	Raw  = "raw"  // the payload, and a line end
)

// NewPrinter makes a printer of a kind to out. Gaps go to notes, but for those of JSON. Colour counts for Text.
func NewPrinter(kind string, out, notes io.Writer, colour bool) (Printer, error) {
	base := writer{bufio.NewWriterSize(out, 64<<10), notes}
	switch kind {
	case Text:
		return &text{writer: base, paint: paint(colour)}, nil
	case JSON:
		return &jsonLines{base}, nil
	case Raw:
		return &raw{base}, nil
	}
	return nil, fmt.Errorf("there is no output %q: it is %s, %s or %s", kind, Text, JSON, Raw)
}

type writer struct {
	out   *bufio.Writer
	notes io.Writer
}

// Flush implements Printer.
func (w *writer) Flush() error { return w.out.Flush() }

// gap tells people of messages that will not come. What came before it is shown before it.
func (w *writer) gap(f *client.Frame, paint paint) error {
	if err := w.Flush(); err != nil {
		return err
	}
	lost := "messages are lost, nobody knows how many"
	switch {
	case f.Lost != nil && *f.Lost == 1:
		lost = "1 message is lost"
	case f.Lost != nil:
		lost = fmt.Sprintf("%d messages are lost", *f.Lost)
	}
	_, err := fmt.Fprintln(w.notes, paint.alarm(fmt.Sprintf("gap in %s: %s (%s)", place(f), lost, f.Reason)))
	return err
}

// place is a topic and a partition of it.
func place(f *client.Frame) string {
	if f.Partition == nil {
		return f.Topic
	}
	return fmt.Sprintf("%s/%d", f.Topic, *f.Partition)
}

// jsonLines prints frames as they came.
type jsonLines struct{ writer }

// Frame implements Printer.
func (p *jsonLines) Frame(f *client.Frame) error {
	if _, err := p.out.Write(f.Raw); err != nil {
		return err
	}
	return p.out.WriteByte('\n')
}

// raw prints payloads. Tombstones have none.
type raw struct{ writer }

// Frame implements Printer.
func (p *raw) Frame(f *client.Frame) error {
	switch {
	case f.Op == "gap":
		return p.gap(f, false)
	case f.Tombstone():
		return nil
	}
	if _, err := p.out.Write(f.Payload()); err != nil {
		return err
	}
	return p.out.WriteByte('\n')
}
