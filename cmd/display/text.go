package display

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"culvert/cmd/client"
)

// text prints a line for each message: its time, its place, its key, its headers, its payload. Nothing of a message moves a terminal's cursor
// or changes its colours: what is not to be seen is shown as Go writes it.
type text struct {
	writer
	paint paint
}

// Frame implements Printer.
func (p *text) Frame(f *client.Frame) error {
	if f.Op == "gap" {
		return p.gap(f, p.paint)
	}
	line := p.paint.faint(f.Time)
	if f.Time == "" {
		line = p.paint.faint("-")
	}
	line += " " + p.paint.faint(position(f)) + " "
	switch key := f.KeyBytes(); {
	case key == nil:
		line += p.paint.faint("-")
	case len(key) == 0:
		line += p.paint.key(`""`)
	default:
		line += p.paint.key(visible(key))
	}
	for _, h := range f.Headers {
		line += " " + p.paint.faint("["+visible([]byte(h.Name))+": "+visible(h.Value)+"]")
	}
	if f.Attempt > 1 {
		line += " " + p.paint.alarm("(attempt "+strconv.Itoa(f.Attempt)+")")
	}
	_, err := p.out.WriteString(line + " " + p.payload(f) + "\n")
	return err
}

// maxBinary is how much is shown of a payload that is no text.
const maxBinary = 256

func (p *text) payload(f *client.Frame) string {
	if f.Tombstone() {
		return p.paint.alarm("(deleted)")
	}
	payload := f.Payload()
	if f.Base64 == nil {
		return visible(payload)
	}
	size := p.paint.faint(fmt.Sprintf("(%d bytes)", len(payload)))
	if len(payload) > maxBinary {
		return size + " " + visible(payload[:maxBinary]) + p.paint.faint("…")
	}
	return size + " " + visible(payload)
}

// position is where a message stands: topic/partition:offset.
func position(f *client.Frame) string {
	if f.Offset == nil {
		return place(f)
	}
	return place(f) + ":" + strconv.FormatInt(*f.Offset, 10)
}

// visible is raw as it can be shown in one line: line ends, other controls, invisible characters and what is not UTF-8 as escapes.
func visible(raw []byte) string {
	shown := func(r rune) bool { return r == '\t' || unicode.IsPrint(r) }
	if utf8.Valid(raw) && bytes.IndexFunc(raw, func(r rune) bool { return !shown(r) }) < 0 {
		return string(raw)
	}
	var line []byte
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		switch {
		case r == utf8.RuneError && size == 1:
			line = fmt.Appendf(line, `\x%02x`, raw[0])
		case shown(r):
			line = utf8.AppendRune(line, r)
		default:
			quoted := strconv.QuoteRune(r)
			line = append(line, quoted[1:len(quoted)-1]...)
		}
		raw = raw[size:]
	}
	return string(line)
}
