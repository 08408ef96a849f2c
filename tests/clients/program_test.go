package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/tests/brokers"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// line is what a program was shown: the name of an event and its data, or a frame's op and, if it is no message, the frame; and the cursor that the program has then.
type line struct {
	Event  string
	Data   string
	Cursor string
}

// program is a running client.
type program struct {
	name  string
	input io.Closer
	said  bytes.Buffer  // what it complained of; to be read when ended is closed
	ended chan struct{} // closed when the process is gone
	err   error         // how it ended

	mu    sync.Mutex // guards lines
	lines []line
}

// start runs a program of testdata. It is killed when the test ends.
func start(t *testing.T, file string, args ...string) *program {
	t.Helper()
	// The lifetime is the pipe's.
	ctx := context.WithoutCancel(t.Context())
	path := filepath.Join("testdata", file)
	var cmd *exec.Cmd
	if strings.HasSuffix(file, ".py") {
		cmd = brokers.Python(ctx, t, path, args...)
	} else {
		cmd = brokers.Node(ctx, t, path, args...)
	}
	p := &program{name: file, ended: make(chan struct{})}
	cmd.Stderr = &p.said
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.input = input
	// Ends with the process.
	go func() {
		defer close(p.ended)
		unread := p.follow(output)
		if p.err = cmd.Wait(); p.err == nil {
			p.err = unread
		}
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() && p.said.Len() > 0 {
			t.Logf("%s complained:\n%s", p.name, &p.said)
		}
	})
	return p
}

// follow collects what the program prints, to its end.
func (p *program) follow(output io.Reader) error {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		p.mu.Lock()
		p.lines = append(p.lines, l)
		p.mu.Unlock()
	}
	return lines.Err()
}

// printed are the lines so far.
func (p *program) printed() []line {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.lines)
}

// count is how many events of that name the program has printed.
func (p *program) count(event string) (n int) {
	for _, l := range p.printed() {
		if l.Event == event {
			n++
		}
	}
	return n
}

// gone reports whether the program has ended.
func (p *program) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait returns how the program ended by itself, and fails the test where it does not.
func (p *program) wait(t *testing.T) error {
	t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		t.Fatalf("%s has not ended within %v; it printed %+v", p.name, patience, p.printed())
		return nil
	}
}

// kill ends the program, if it has not ended.
func (p *program) kill() {
	p.input.Close()
	<-p.ended
}
