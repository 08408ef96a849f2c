package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asCulvert makes this test's binary the program itself.
const asCulvert = "CULVERT_TEST_AS_CULVERT"

func TestMain(m *testing.M) {
	if os.Getenv(asCulvert) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// culvert is the program with these arguments and nothing of ours in its environment but what is given.
func culvert(t *testing.T, environment []string, arguments ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], arguments...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CULVERT_") {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, asCulvert+"=1", "GORACE=atexit_sleep_ms=0")
	c.Env = append(c.Env, environment...)
	return c
}

// run runs the program to its end.
func run(t *testing.T, environment []string, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, wrong bytes.Buffer
	c := culvert(t, environment, arguments...)
	c.Stdout, c.Stderr = &out, &wrong
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), wrong.String(), c.ProcessState.ExitCode()
}

func TestCommands(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "culvert.yaml")
	if err := os.WriteFile(file, []byte("lisen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		environment    []string
		arguments      []string
		status         int
		stdout, stderr string
	}{
		{name: "version", arguments: []string{"version"}, stdout: "culvert "},
		{name: "help", arguments: []string{"--help"}, stdout: "serve"},
		{name: "print", arguments: []string{"config", "print"}, stdout: "listen: 127.0.0.1:8080\n"},
		{name: "flags", arguments: []string{"config", "print", "--listen", ":1", "--set", "queue.lease=1m"}, environment: []string{"CULVERT_LISTEN=:2"}, stdout: "  lease: 1m\n"},
		{name: "check", arguments: []string{"config", "check", "-c", "../../configs/dev.yaml"}, stdout: "the configuration is right\n"},
		{name: "a command that is none", arguments: []string{"sreve"}, status: 2, stderr: `culvert: unknown command "sreve"; did you mean serve?`},
		{name: "a command that is nothing like one", arguments: []string{"config", "zzzzzz"}, status: 2, stderr: `culvert: unknown command "zzzzzz"; see culvert config --help`},
		{name: "a flag that is none", arguments: []string{"serve", "--lisen", "x"}, status: 2, stderr: "culvert: unknown flag: --lisen"},
		{name: "a wrong file", arguments: []string{"config", "check", "-c", file}, status: 1, stderr: "culvert: " + file + ":1: unknown key lisen; did you mean listen?"},
		{name: "a wrong file in the environment", arguments: []string{"serve"}, environment: []string{"CULVERT_CONFIG=" + file}, status: 1, stderr: "unknown key lisen"},
		{name: "a wrong variable", arguments: []string{"serve"}, environment: []string{"CULVERT_BROKRE=kafka"}, status: 1, stderr: "culvert: unknown environment variable CULVERT_BROKRE; did you mean CULVERT_BROKER?"},
		{name: "a broker that is none", arguments: []string{"serve"}, environment: []string{"CULVERT_BROKER=carrier-pigeon"}, status: 1, stderr: `culvert: there is no broker "carrier-pigeon"`},
		{name: "a pair that is none", arguments: []string{"serve", "--set", "listen"}, status: 2, stderr: "culvert: --set listen: give key=value"},
		{name: "an address in use", arguments: []string{"serve", "--listen", taken.Addr().String(), "--admin-listen", "127.0.0.1:0"}, status: 1, stderr: "culvert: listen: listen tcp " + taken.Addr().String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			stdout, stderr, status := run(t, c.environment, c.arguments...)
			if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("status %d, want %d\n%s\n%s\nwant %q and %q", status, c.status, stdout, stderr, c.stdout, c.stderr)
			}
			if lines := strings.Count(stderr, "\n"); status != 0 && lines != 1 {
				t.Errorf("what is wrong is told in %d lines:\n%s", lines, stderr)
			}
		})
	}
}

// serving is a program that listens.
type serving struct {
	*exec.Cmd
	url, admin string
	output     *bufio.Scanner
}

// serveIn starts the program and waits until it listens.
func serveIn(t *testing.T, environment ...string) *serving {
	t.Helper()
	environment = append([]string{"CULVERT_LISTEN=127.0.0.1:0", "CULVERT_ADMIN_LISTEN=127.0.0.1:0"}, environment...)
	s := &serving{Cmd: culvert(t, environment, "serve")}
	pipe, err := s.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.ProcessState == nil {
			_ = s.Process.Kill() // it may have ended by itself
			_ = s.Wait()
		}
	})
	s.output = bufio.NewScanner(pipe)
	for s.output.Scan() {
		var line struct {
			Msg, URL, Admin string
		}
		if json.Unmarshal(s.output.Bytes(), &line) == nil && line.Msg == "listening" {
			s.url, s.admin = line.URL, line.Admin
			return s
		}
	}
	t.Fatal("it ended without listening")
	return nil
}

// end reads what is left of the output and gives how the program ended.
func (s *serving) end() error {
	for s.output.Scan() {
	}
	return s.Wait()
}

func TestServeEndsInOrder(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := serveIn(t)
		if err := s.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := s.end(); err != nil {
			t.Errorf("after %v it ended with %v", signal, err)
		}
	}
}

// An unreachable broker is no reason not to start.
func TestServeWithoutItsBroker(t *testing.T) {
	s := serveIn(t, "CULVERT_BROKER=kafka", "CULVERT_KAFKA_BROKERS=127.0.0.1:1")
	if body := get(t, s.admin+"/readyz", http.StatusServiceUnavailable); !strings.Contains(body, `"kafka":`) {
		t.Errorf("/readyz does not name the broker: %s", body)
	}
	get(t, s.admin+"/livez", http.StatusOK)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A member that holds a lease keeps the program for its grace; a second signal does not wait for it.
func TestASecondSignalEndsItAtOnce(t *testing.T) {
	s := serveIn(t, "CULVERT_SHUTDOWN_TIMEOUT=1h", "CULVERT_QUEUE_DRAIN_GRACE=30m")
	member := stream(t, s.url+"/v1/topics/orders/queues/billing/events?ack=manual")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/topics/orders/messages", strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := newClient(t).Do(request); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("injecting: %v, %v", answer, err)
	}
	for member.Scan() && member.Text() != "data: one" {
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(get(t, s.admin+"/readyz", 0), "stopping"); {
		if time.Now().After(deadline) {
			t.Fatal("it does not stop")
		}
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = s.end()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, not by the signal", err)
	}
}

func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// get reads a page; a status of 0 stands for any.
func get(t *testing.T, url string, status int) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := newClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if status != 0 && answer.StatusCode != status {
		t.Errorf("%s is answered with %s, want %d", url, answer.Status, status)
	}
	return string(body)
}

// stream opens a stream and reads it up to its ready.
func stream(t *testing.T, url string) *bufio.Scanner {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := newClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if lines.Text() == "event: ready" {
			return lines
		}
	}
	t.Fatal(fmt.Errorf("the stream ended without a ready: %w", lines.Err()))
	return nil
}
