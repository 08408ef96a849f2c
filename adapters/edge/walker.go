package edge

import "iter"

// walker goes through JSON that is known to be valid, so that it needs to see only where values end.
type walker struct {
	rest []byte
}

// members yields the name, with its quotes, and the value of each member of the object that rest begins with.
func (w *walker) members() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		w.rest = w.rest[1:]
		for w.more('}') {
			name := w.value()
			w.space()
			w.rest = w.rest[1:] // the colon
			w.space()
			if !yield(name, w.value()) {
				return
			}
		}
	}
}

// items yields the values of the array that rest begins with.
func (w *walker) items() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		w.rest = w.rest[1:]
		for w.more(']') {
			if !yield(w.value()) {
				return
			}
		}
	}
}

// more goes to the next element, and reports whether there is one before end.
func (w *walker) more(end byte) bool {
	w.space()
	if w.rest[0] == ',' {
		w.rest = w.rest[1:]
		w.space()
	}
	return w.rest[0] != end
}

func (w *walker) space() {
	i := 0
	for w.rest[i] == ' ' || w.rest[i] == '\t' || w.rest[i] == '\n' || w.rest[i] == '\r' {
		i++
	}
	w.rest = w.rest[i:]
}

// value takes the value that rest begins with.
func (w *walker) value() []byte {
	n := 0
	switch w.rest[0] {
	case '"':
		n = stringEnd(w.rest)
	case '{', '[':
		n = nestEnd(w.rest)
	default:
		for n < len(w.rest) && !isDelimiter(w.rest[n]) {
			n++
		}
	}
	v := w.rest[:n]
	w.rest = w.rest[n:]
	return v
}

func stringEnd(s []byte) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func nestEnd(s []byte) int {
	depth := 0
	for i := 0; ; {
		switch s[i] {
		case '"':
			i += stringEnd(s[i:])
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

func isDelimiter(c byte) bool {
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r'
}
