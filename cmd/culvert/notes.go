package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// notes are what people are told while a command runs, beside its output. It may be used by many at a time.
type notes struct {
	mu   sync.Mutex // guards what follows, and writing
	out  io.Writer
	line string // that stays at the bottom of a terminal; empty: none does
}

func newNotes(out io.Writer) *notes { return &notes{out: out} }

const clearLine = "\r\x1b[K"

// say writes a line.
func (n *notes) say(format string, values ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.line != "" {
		fmt.Fprint(n.out, clearLine)
	}
	fmt.Fprintf(n.out, format+"\n", values...)
	fmt.Fprint(n.out, n.line)
}

// Write lets others write lines among the notes.
func (n *notes) Write(text []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.out.Write(text)
}

// trouble tells why nothing moves.
func (n *notes) trouble(err error, wait time.Duration) {
	if wait == 0 {
		n.say("culvert: %v", err)
		return
	}
	n.say("culvert: %v; trying again in %s", err, wait.Round(100*time.Millisecond))
}

// progress keeps what line says at the bottom of the terminal, until stop.
func (n *notes) progress(line func() string) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	// Ends with stop.
	go func() {
		defer close(done)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				n.bottom(line())
			case <-ended:
				n.bottom("")
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func (n *notes) bottom(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.line != "" || line != "" {
		fmt.Fprint(n.out, clearLine+line)
	}
	n.line = line
}
