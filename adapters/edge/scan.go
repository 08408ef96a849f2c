package edge

import (
	"encoding/binary"
	"math/bits"
)

// What is in this file goes through JSON (RFC 8259) once: it finds where values end, and sees on the way whether they are valid. It judges as encoding/json does, which the fuzz test holds it to. Whether text is
// UTF-8 is not seen here.
//
// Each function takes text and where it begins in it, and gives where it ends, or invalid.

const (
	invalid = -1
	// maxDepth is how deep values can be in each other.
	maxDepth = 10_000
)

// isJSON reports whether text, which is UTF-8, is one JSON value with nothing but white space around it.
func isJSON(text []byte) bool {
	end := endOfValue(text, endOfSpace(text, 0), 0)
	return end != invalid && endOfSpace(text, end) == len(text)
}

// endOfMembers goes through an object, whose brace is at at, and gives the name, in its quotation marks, and the value of each member to take, unless that is nil. What take was given is of no use where the result
// is invalid.
func endOfMembers(text []byte, at, depth int, take func(name, value []byte)) int {
	if depth == maxDepth {
		return invalid
	}
	at = endOfSpace(text, at+1)
	if at < len(text) && text[at] == '}' {
		return at + 1
	}
	for at < len(text) && text[at] == '"' {
		name := at
		if at = endOfString(text, at); at == invalid {
			return invalid
		}
		end := at
		if at = endOfSpace(text, at); at == len(text) || text[at] != ':' {
			return invalid
		}
		begin := endOfSpace(text, at+1)
		if at = endOfValue(text, begin, depth+1); at == invalid {
			return invalid
		}
		if take != nil {
			take(text[name:end], text[begin:at])
		}
		switch at = endOfSpace(text, at); {
		case at == len(text):
			return invalid
		case text[at] == '}':
			return at + 1
		case text[at] != ',':
			return invalid
		}
		at = endOfSpace(text, at+1)
	}
	return invalid
}

// endOfItems is endOfMembers for an array.
func endOfItems(text []byte, at, depth int, take func(value []byte)) int {
	if depth == maxDepth {
		return invalid
	}
	at = endOfSpace(text, at+1)
	if at < len(text) && text[at] == ']' {
		return at + 1
	}
	for {
		begin := at
		if at = endOfValue(text, at, depth+1); at == invalid {
			return invalid
		}
		if take != nil {
			take(text[begin:at])
		}
		switch at = endOfSpace(text, at); {
		case at == len(text):
			return invalid
		case text[at] == ']':
			return at + 1
		case text[at] != ',':
			return invalid
		}
		at = endOfSpace(text, at+1)
	}
}

// endOfValue goes through any value. depth is how many others it is in.
func endOfValue(text []byte, at, depth int) int {
	if at == len(text) {
		return invalid
	}
	switch c := text[at]; {
	case c == '"':
		return endOfString(text, at)
	case c == '{':
		return endOfMembers(text, at, depth, nil)
	case c == '[':
		return endOfItems(text, at, depth, nil)
	case c == '-' || isDigit(c):
		return endOfNumber(text, at)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if end := at + len(word); end <= len(text) && string(text[at:end]) == word {
			return end
		}
	}
	return invalid
}

// endOfString goes through a string, whose quotation mark is at at.
func endOfString(text []byte, at int) int {
	at++
	for {
		at += plain(text[at:])
		if at == len(text) {
			return invalid
		}
		switch text[at] {
		case '"':
			return at + 1
		case '\\':
			if at = endOfEscape(text, at+1); at == invalid {
				return invalid
			}
		default: // a control character
			return invalid
		}
	}
}

// endOfEscape goes through what is behind a backslash.
func endOfEscape(text []byte, at int) int {
	if at == len(text) {
		return invalid
	}
	switch text[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at + 1
	case 'u':
		const digits = 4
		if len(text) < at+1+digits {
			return invalid
		}
		for _, c := range text[at+1 : at+1+digits] {
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return invalid
			}
		}
		return at + 1 + digits
	}
	return invalid
}

// plain is how many bytes there are before the first that means something in a string: a quotation mark, a backslash or a control character. It looks at eight of them at a time.
func plain(text []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	n := 0
	for ; n+8 <= len(text); n += 8 {
		w := binary.LittleEndian.Uint64(text[n:])
		quote, slash := w^'"'*ones, w^'\\'*ones
		// The high bit of each byte that is 0, is 0, or is less than a space; others may have it too, but only behind such a one.
		if found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-' '*ones)&^w) & highs; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for ; n < len(text); n++ {
		if c := text[n]; c == '"' || c == '\\' || c < ' ' {
			return n
		}
	}
	return n
}

// endOfNumber goes through a number.
func endOfNumber(text []byte, at int) int {
	if text[at] == '-' {
		at++
	}
	if at < len(text) && text[at] == '0' {
		at++
	} else if at = endOfDigits(text, at); at == invalid {
		return invalid
	}
	if at < len(text) && text[at] == '.' {
		if at = endOfDigits(text, at+1); at == invalid {
			return invalid
		}
	}
	if at < len(text) && text[at]|0x20 == 'e' {
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		return endOfDigits(text, at)
	}
	return at
}

// endOfDigits goes through one digit or more.
func endOfDigits(text []byte, at int) int {
	begin := at
	for at < len(text) && isDigit(text[at]) {
		at++
	}
	if at == begin {
		return invalid
	}
	return at
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func endOfSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}
