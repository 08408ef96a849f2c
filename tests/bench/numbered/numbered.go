// Package numbered makes the messages of a benchmark, and checks that each of them came, once.
//
// A message is a JSON object of a fixed length that says which publisher made it and the how-manieth of its messages it is. It is written and read without a JSON library, so that neither costs what a
// benchmark would then measure.
package numbered

import (
	"bytes"
	"fmt"
	"math/bits"
)

// Least is how short a message can be, in bytes.
const Least = len(head) + Digits + len(middle) + Digits + len(pad) + len(tail)

// Digits is how many digits a number has.
const Digits = 8

const (
	head   = `{"p":"`
	middle = `","n":"`
	pad    = `","pad":"`
	tail   = `"}`
)

// Append appends message n of publisher p, counting both from 0, in so many bytes, at least Least.
func Append(dst []byte, p, n, size int) []byte {
	dst = append(dst, head...)
	dst = appendNumber(dst, p)
	dst = append(dst, middle...)
	dst = appendNumber(dst, n)
	dst = append(dst, pad...)
	for range size - Least {
		dst = append(dst, 'x')
	}
	return append(dst, tail...)
}

// NumberIn is the part of a message of ours that holds its number: Digits bytes, for Put.
func NumberIn(message []byte) []byte {
	at := len(head) + Digits + len(middle)
	return message[at : at+Digits]
}

// Put makes n of the digits in at.
func Put(at []byte, n int) {
	for i := Digits - 1; i >= 0; i-- {
		at[i] = byte('0' + n%10)
		n /= 10
	}
}

func appendNumber(dst []byte, n int) []byte {
	dst = append(dst, make([]byte, Digits)...)
	Put(dst[len(dst)-Digits:], n)
	return dst
}

// Read gives publisher and number of a message.
func Read(message []byte) (p, n int, err error) {
	if len(message) < Least || !bytes.HasPrefix(message, []byte(head)) || !bytes.HasSuffix(message, []byte(tail)) {
		return 0, 0, fmt.Errorf("this is none of our messages: %.80q", message)
	}
	p, ok := number(message[len(head):])
	n, also := number(NumberIn(message))
	if !ok || !also {
		return 0, 0, fmt.Errorf("this is none of our messages: %.80q", message)
	}
	return p, n, nil
}

func number(text []byte) (n int, ok bool) {
	for _, c := range text[:Digits] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// Tally checks that of so many publishers every message up to so many comes, and none twice. Not for concurrent use.
type Tally struct {
	each int
	seen [][]uint64 // by publisher: a bit for each number
	left int
}

// NewTally expects the first each messages of so many publishers.
func NewTally(publishers, each int) *Tally {
	t := &Tally{each: each, left: publishers * each}
	for range publishers {
		t.seen = append(t.seen, make([]uint64, (each+63)/64))
	}
	return t
}

// Message counts a message, whose length is size.
func (t *Tally) Message(message []byte, size int) error {
	if len(message) != size {
		return fmt.Errorf("a message has %d bytes instead of %d: %.80q", len(message), size, message)
	}
	p, n, err := Read(message)
	if err != nil {
		return err
	}
	return t.Add(p, n)
}

// Add counts message n of publisher p.
func (t *Tally) Add(p, n int) error {
	if p >= len(t.seen) || n < 0 || n >= t.each {
		return fmt.Errorf("message %d of publisher %d was never made", n, p)
	}
	word, bit := &t.seen[p][n/64], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return fmt.Errorf("message %d of publisher %d came twice", n, p)
	}
	*word |= bit
	t.left--
	return nil
}

// Left is how many have not come.
func (t *Tally) Left() int { return t.left }

// Err tells what has not come; nil where all has.
func (t *Tally) Err() error {
	for p, words := range t.seen {
		for i, word := range words {
			if first := i*64 + bits.TrailingZeros64(^word); word != ^uint64(0) && first < t.each {
				return fmt.Errorf("%d messages are lost, the first of them number %d of publisher %d", t.left, first, p)
			}
		}
	}
	return nil
}
