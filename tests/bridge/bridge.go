// Package bridge runs the real binary for tests.
package bridge

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"culvert/tests/clock"

	_ "culvert/app" // what the binary is made of, so that go test does not take an old result for one of today's bridge
)

// Bridge is a running culvert of the test's own.
type Bridge struct {
	URL   string // of the main listener, without a slash at the end
	Admin string // of the admin listener

	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended
	err     error         // how it ended
	log     *tail
}

// Start runs `culvert serve` on free ports with these environment variables besides (NAME=value), and returns when it listens. It
// is stopped when the test ends, and must then leave with status 0; it is killed when the test's process ends without that.
func Start(t testing.TB, environment ...string) *Bridge {
	t.Helper()
	return start(t, build, environment)
}

// StartDemo is Start of `culvert serve --demo`.
func StartDemo(t testing.TB, environment ...string) *Bridge {
	t.Helper()
	return start(t, build, environment, "--demo")
}

// StartUnraced is Start without the race detector, whatever the test has: for tests that judge what thousands of clients cost, of which the detector would be nine tenths.
func StartUnraced(t testing.TB, environment ...string) *Bridge {
	t.Helper()
	return start(t, buildUnraced, environment)
}

func start(t testing.TB, build func() (string, error), environment []string, flags ...string) *Bridge {
	t.Helper()
	b := &Bridge{exited: make(chan struct{}), log: &tail{}}
	b.process = exec.Command(binary(t, build), append([]string{"serve"}, flags...)...)
	b.process.Env = append(withoutCulvert(os.Environ()),
		"CULVERT_LISTEN=127.0.0.1:0", "CULVERT_ADMIN_LISTEN=127.0.0.1:0", "CULVERT_LOG_FORMAT=json")
	b.process.Env = append(b.process.Env, environment...)
	// A pipe of ours, so that Wait does not close it under the reader.
	output, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b.process.Stdout, b.process.Stderr = write, write
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	forget, err := Outlive(killProcess, strconv.Itoa(b.process.Process.Pid))
	if err != nil {
		b.process.Process.Kill()
		t.Fatal(err)
	}
	listening := make(chan struct{})
	logged := make(chan struct{})
	// Ends when the process does, which closes the other side of the pipe.
	go func() {
		defer close(logged)
		defer output.Close()
		b.follow(output, listening)
	}()
	// Ends with the process.
	go func() {
		b.err = b.process.Wait()
		forget()
		<-logged
		close(b.exited)
	}()
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Errorf("culvert did not stop as it should: %v", err)
		}
		if t.Failed() {
			t.Logf("the last that culvert said:\n%s", b.log)
		}
	})
	select {
	case <-listening:
	case <-b.exited:
		t.Fatalf("culvert did not start: %v\n%s", b.err, b.log)
	case <-time.After(30 * time.Second):
		t.Fatalf("culvert did not say where it listens:\n%s", b.log)
	}
	return b
}

// follow reads the log of the process to its end, and closes listening at the line that says where it listens.
func (b *Bridge) follow(output io.Reader, listening chan struct{}) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		b.log.add(lines.Text())
		var line struct {
			Message string `json:"msg"`
			URL     string `json:"url"`
			Admin   string `json:"admin"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "listening" && b.URL == "" {
			b.URL, b.Admin = line.URL, line.Admin
			close(listening)
		}
	}
}

// Freeze stops the process where it is, until Thaw, as a virtual machine that is suspended does. Its clocks go on.
func (b *Bridge) Freeze() error { return b.process.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (b *Bridge) Thaw() error { return b.process.Process.Signal(syscall.SIGCONT) }

// SetClock lets the process's wall clock be so far ahead of the machine's, in whole seconds.
func (b *Bridge) SetClock(ahead time.Duration) error {
	return clock.Ahead(b.process.Process.Pid, ahead)
}

// Stop asks the process to end and waits for it; killing it, which is an error, after half a minute. A frozen process is thawed.
func (b *Bridge) Stop() error {
	select {
	case <-b.exited:
		return b.err
	default:
	}
	if err := b.Thaw(); err != nil {
		return err
	}
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	select {
	case <-b.exited:
		return b.err
	case <-ctx.Done():
		b.Kill()
		return ctx.Err()
	}
}

// Kill ends the process at once, as a crash would.
func (b *Bridge) Kill() {
	b.process.Process.Kill()
	<-b.exited
	b.err = nil
}

// What is done when this process ends.
const (
	killProcess  = `kill -9 "$1"`
	removeFolder = `rm -rf "$1"`
)

// binary is the path of what build has built.
func binary(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Each builds culvert once for the test process, the first with the race detector if that has it. It goes with the process.
var (
	build        = sync.OnceValues(func() (string, error) { return buildBinary(raced) })
	buildUnraced = sync.OnceValues(func() (string, error) {
		if !raced {
			return build()
		}
		return buildBinary(false)
	})
)

func buildBinary(raced bool) (string, error) {
	folder, err := os.MkdirTemp("", "culvert-e2e-")
	if err != nil {
		return "", err
	}
	if _, err := Outlive(removeFolder, folder); err != nil {
		os.Remove(folder)
		return "", err
	}
	path := filepath.Join(folder, "culvert")
	command := exec.Command("go", "build", "-race="+strconv.FormatBool(raced), "-o", path, "culvert/cmd/culvert")
	command.Stderr = os.Stderr
	return path, command.Run()
}

// withoutCulvert leaves out what would configure the bridge behind the test's back.
func withoutCulvert(environment []string) []string {
	var kept []string
	for _, v := range environment {
		if len(v) < 8 || v[:8] != "CULVERT_" {
			kept = append(kept, v)
		}
	}
	return kept
}
