package rest

import (
	"bufio"
	"errors"
	"io"
)

// lineReader takes a body apart into lines of any length up to a limit.
type lineReader struct {
	r    *bufio.Reader
	long []byte // what has been read of a line that the reader's buffer does not hold
	most int
}

func newLineReader(r io.Reader, most int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 32<<10), most: most}
}

// reading calls before each time that more of the body is waited for.
type reading struct {
	io.Reader
	before func()
}

// Read implements io.Reader.
func (r reading) Read(p []byte) (int, error) {
	r.before()
	return r.Reader.Read(p)
}

// next reads one line, without its end, valid until the next call. A line over the limit is skipped to its end and reported as tooLong.
// The last line needs no end. After it the error is io.EOF; what a body that broke off has left of a line is no line.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		whole := err == nil || errors.Is(err, io.EOF)
		if !whole && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, false, err
		}
		tooLong = tooLong || len(l.long)+len(part) > l.most
		switch {
		case tooLong:
			l.long = l.long[:0]
		case whole && len(l.long) == 0:
			line = part
		default:
			l.long = append(l.long, part...)
			line = l.long
		}
		if err == nil || whole && (tooLong || len(line) > 0) {
			return line, tooLong, nil
		}
		if whole {
			return nil, false, io.EOF
		}
	}
}
