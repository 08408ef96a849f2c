package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// patience is how long what a page tells may take.
const patience = 2 * time.Minute

// session is what somebody has who does what a page says, from its top to its end: a folder, and programs that run in it.
type session struct {
	*testing.T
	folder string            // looks like the top of the tree, and can be written to
	tools  string            // comes first in the path
	state  string            // the file that hands what a shell has exported to the next one
	ports  map[string]string // of an address on loopback that pages name, the test's own
	extra  []string          // the environment besides
	shown  []*shown          // by each command so far
	living []*living         // what goes on in the background
}

// living is a command that goes on in the background.
type living struct {
	text   string
	cmd    *exec.Cmd
	input  io.Closer
	shown  *shown
	ended  chan struct{} // closed when it has
	err    error         // how it ended
	asked  bool          // it was told to end
	serve  bool          // it is a bridge
	marked bool          // it is to outlive its bridge
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{T: t, folder: t.TempDir(), tools: t.TempDir(), ports: make(map[string]string)}
	s.state = filepath.Join(s.tools, ".state")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasPrefix(name, ".") && name != "bin" {
			s.link(filepath.Join(root, name), filepath.Join(s.folder, name))
		}
	}
	s.link(brokers.NodeModules(t.Context(), t), filepath.Join(s.folder, "node_modules"))
	s.link(bridge.Program(t), filepath.Join(s.tools, "culvert"))
	python := brokers.PythonPath(t.Context(), t)
	for name, script := range map[string]string{
		// What is built from the tree was built once for all pages.
		"go": `case "$*" in
"run ./cmd/culvert "*) shift 2; exec culvert "$@" ;;
"build -o bin/culvert ./cmd/culvert") mkdir -p bin && exec ln -sf "$(command -v culvert)" bin/culvert ;;
esac
exec '` + look(t, "go") + `' "$@"`,
		"curl":    `exec '` + brokers.Curl(t) + `' -sS --fail-with-body "$@"`,
		"npx":     `exec '` + look(t, "npx") + `' --yes "$@"`,
		"python3": `exec '` + python + `' "$@"`,
		"pip":     `exec '` + python + `' -m pip --disable-pip-version-check "$@"`,
	} {
		if err := os.WriteFile(filepath.Join(s.tools, name), []byte("#!/bin/bash\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { s.endAll() })
	return s
}

func (s *session) link(to, at string) {
	s.Helper()
	whole, err := filepath.Abs(to)
	if err == nil {
		err = os.Symlink(whole, at)
	}
	if err != nil {
		s.Fatal(err)
	}
}

func look(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		brokers.Without(t, name, err)
	}
	return path
}

var (
	onLoopback = regexp.MustCompile(`\b(?:127\.0\.0\.1|localhost):(\d{4,5})\b`)
	fileServer = regexp.MustCompile(`(-m http\.server) (\d+)`)
	portOnly   = regexp.MustCompile(`:(\d+)$`)
)

// Addresses at which pages have a broker.
const (
	kafkaAddress  = "127.0.0.1:9092"
	amqpURL       = "amqp://127.0.0.1:5672/"
	managementURL = "http://127.0.0.1:15672"
)

// ours puts the test's own addresses for those of a page.
func (s *session) ours(text string) string {
	s.Helper()
	if strings.Contains(text, kafkaAddress) || strings.Contains(text, "configs/kafka.yaml") {
		addresses := brokers.Kafka(s.T).Bootstrap()
		s.extra = append(s.extra, "CULVERT_KAFKA_BROKERS="+addresses)
		text = strings.ReplaceAll(text, kafkaAddress, addresses)
	}
	if strings.Contains(text, amqpURL) || strings.Contains(text, "configs/amqp.yaml") {
		server := brokers.RabbitMQ(s.T)
		s.extra = append(s.extra, "CULVERT_AMQP_URL="+server.URL)
		text = strings.ReplaceAll(strings.ReplaceAll(text, amqpURL, server.URL), managementURL, server.Management)
	}
	kept := strings.Join(s.extra, "\n")
	text = onLoopback.ReplaceAllStringFunc(text, func(address string) string {
		if strings.Contains(kept, address) {
			return address // of a broker
		}
		return portOnly.ReplaceAllString(address, ":"+s.port(portOnly.FindStringSubmatch(address)[1]))
	})
	return fileServer.ReplaceAllStringFunc(text, func(found string) string {
		parts := fileServer.FindStringSubmatch(found)
		return parts[1] + " " + s.port(parts[2])
	})
}

// port is the test's own for one of a page.
func (s *session) port(of string) string {
	s.Helper()
	if s.ports[of] == "" {
		s.ports[of] = strconv.Itoa(brokers.FreePorts(s.T, 1)[0])
	}
	return s.ports[of]
}

// save keeps a block of a file for the commands to come.
func (s *session) save(b block) {
	s.Helper()
	at := filepath.Join(s.folder, b.file())
	if strings.Contains(b.file(), "/") {
		s.Fatalf("%s: %s is no name of a file in the folder that commands run in", b.at(), b.file())
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(s.ours(b.text())), 0o600); err != nil {
		s.Fatal(err)
	}
}

// run runs the commands of a block, one after the other.
func (s *session) run(b block) {
	s.Helper()
	all := commands(b)
	for i, c := range all {
		text, missing := "", ""
		ready := func() bool { text, missing = fill(s.ours(c.text), s.all()); return missing == "" }
		if !ready() {
			s.eventually(b, "something that begins like "+missing+" is shown", ready)
		}
		var out *shown
		if c.staysRunning(b) {
			out = s.start(b, c, text)
		} else {
			out = s.do(b, text, b.mark == fails && i == len(all)-1)
		}
		if c.answers != "" {
			pattern := regexp.MustCompile(within(s.ours(c.answers)))
			s.eventually(b, "it answers "+c.answers, func() bool { return pattern.MatchString(out.String()) })
		}
	}
}

// shell is a bash that runs a text where the one before it was left, and hands on what it exports.
func (s *session) shell(ctx context.Context, text string) *exec.Cmd {
	const script = `if [ -f "$DOCS_STATE" ]; then . "$DOCS_STATE"; cd "$PWD"; fi
set -a -o pipefail
eval "$DOCS_TEXT" || exit
export -p | grep -v ' DOCS_' > "$DOCS_STATE.next" && mv "$DOCS_STATE.next" "$DOCS_STATE"`
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir = s.folder
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "CULVERT_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	home := "http://127.0.0.1:" + s.port("8080")
	cmd.Env = append(cmd.Env, "PATH="+s.tools+":"+os.Getenv("PATH"), "DOCS_STATE="+s.state, "DOCS_TEXT="+text,
		"CULVERT_LISTEN=127.0.0.1:"+s.port("8080"), "CULVERT_ADMIN_LISTEN=127.0.0.1:"+s.port("8081"), "CULVERT_URL="+home,
		"GORACE=atexit_sleep_ms=0", "PYTHONUNBUFFERED=1", "PYTHONIOENCODING=utf-8")
	cmd.Env = append(cmd.Env, s.extra...)
	// A group of its own, so that all of it gets ^C.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// do runs a command to its end.
func (s *session) do(b block, text string, wantFailure bool) *shown {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	out := &shown{}
	s.shown = append(s.shown, out)
	cmd := s.shell(ctx, text)
	cmd.Stdout, cmd.Stderr = out, out
	switch err := cmd.Run(); {
	case err != nil && !wantFailure:
		s.Fatalf("%s: %s\n%v:\n%s", b.at(), text, err, out)
	case err == nil && wantFailure:
		s.Fatalf("%s: it is marked as one that fails, and did not: %s\n%s", b.at(), text, out)
	}
	return out
}

// start lets a command run in the background, and returns when it does what it is for: a bridge listens, a stream is open.
func (s *session) start(b block, c command, text string) *shown {
	s.Helper()
	serve := isServe.MatchString(c.text)
	if serve {
		// Its ports are those of the one before. Who is marked comes back by itself.
		s.end(func(l *living) bool { return !l.serve && !l.marked })
		s.end(func(l *living) bool { return l.serve })
	}
	l := &living{text: text, shown: &shown{}, ended: make(chan struct{}), serve: serve, marked: b.mark == stays}
	s.shown = append(s.shown, l.shown)
	before := s.connections()
	l.cmd = s.shell(context.WithoutCancel(s.Context()), text)
	l.cmd.Stdout, l.cmd.Stderr = l.shown, l.shown
	input, err := l.cmd.StdinPipe()
	if err != nil {
		s.Fatal(err)
	}
	l.input = input
	if err := l.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	forget, err := bridge.Outlive(`kill -9 -- "-$1"`, strconv.Itoa(l.cmd.Process.Pid))
	if err != nil {
		s.Fatal(err)
	}
	// Ends with the command.
	go func() {
		defer close(l.ended)
		l.err = l.cmd.Wait()
		forget()
	}()
	s.living = append(s.living, l)
	s.eventually(b, "it runs: "+text, func() bool {
		if l.gone() {
			if l.err != nil {
				s.Fatalf("%s: %s\n%v:\n%s", b.at(), text, l.err, l.shown)
			}
			return true
		}
		if serve {
			return strings.Contains(l.shown.String(), "listening")
		}
		switch counted, said := s.connections() > before, strings.Contains(l.shown.String(), "\n"); {
		case showsAtOnce.MatchString(c.text): // once its stream is open, which the bridge counts a moment before
			return said
		case isSocket.MatchString(c.text): // what is typed into it before it has connected is lost, and npx may have warned of something long before
			return counted
		default:
			return said || counted
		}
	})
	for _, line := range c.typed {
		if _, err := io.WriteString(input, s.ours(line)+"\n"); err != nil {
			s.Fatalf("%s: typing %s: %v", b.at(), line, err)
		}
	}
	return l.shown
}

func (l *living) gone() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// oneByOne keeps no connection, which would outlive the test.
var oneByOne = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// connections is how many streams and sockets the bridge counts, 0 where there is none.
func (s *session) connections() float64 {
	answer, err := oneByOne.Get("http://127.0.0.1:" + s.port("8081") + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte("culvert_connections ")); ok {
			n, _ := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
			return n
		}
	}
	return 0
}

// endAll ends what runs in the background, clients before the bridge.
func (s *session) endAll() {
	s.Helper()
	s.endClients()
	s.end(func(*living) bool { return true })
}

// endClients ends what runs in the background but for the bridge.
func (s *session) endClients() {
	s.Helper()
	s.end(func(l *living) bool { return !l.serve })
}

// end ends these as ^C does, and fails the test where one ended badly, then or before.
func (s *session) end(these func(*living) bool) {
	s.Helper()
	for _, l := range s.living {
		if these(l) {
			l.interrupt()
		}
	}
	for _, l := range s.living {
		if these(l) {
			s.await(l)
		}
	}
	s.living = slices.DeleteFunc(s.living, these)
}

// interrupt sends ^C to what runs.
func (l *living) interrupt() {
	if l.gone() {
		return
	}
	l.asked = true
	_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGINT) // it may have ended meanwhile
}

// await waits for what was interrupted, and kills it where that does not help.
func (s *session) await(l *living) {
	s.Helper()
	select {
	case <-l.ended:
	case <-time.After(20 * time.Second):
		s.Errorf("^C did not end it: %s\n%s", l.text, l.shown)
		_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
		<-l.ended
	}
	l.input.Close()
	if l.err != nil && (!l.asked || l.serve) {
		s.Errorf("it ended with %v: %s\n%s", l.err, l.text, l.shown)
	}
}

// all is what every command has shown so far.
func (s *session) all() string {
	var all strings.Builder
	for _, out := range s.shown {
		all.WriteString(out.String())
		all.WriteString("\n")
	}
	return all.String()
}

// ends is the end of what every command has shown, for people.
func (s *session) ends() string {
	const most = 1000
	var ends strings.Builder
	for _, out := range s.shown {
		text := out.String()
		ends.WriteString("--\n" + text[max(0, len(text)-most):])
	}
	return ends.String()
}

// expect waits until a command has shown what the block has.
func (s *session) expect(b block) {
	s.Helper()
	if len(s.shown) == 0 {
		s.Fatalf("%s: nothing was run on this page yet that could show this. Commands are ```sh, what is neither is ```text", b.at())
	}
	pattern := asPattern(strings.Split(s.ours(strings.Join(b.lines, "\n")), "\n"))
	s.eventually(b, fmt.Sprintf("a command shows\n%s", b.text()), func() bool {
		return slices.ContainsFunc(s.shown, func(out *shown) bool { return pattern.MatchString(out.String()) })
	})
}

// eventually is brokers.Eventually, and tells what was shown where that does not come.
func (s *session) eventually(b block, what string, holds func() bool) {
	s.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			s.Fatalf("%s: not within %v: %s\nThe last that was shown:\n%s", b.at(), patience, what, s.ends())
		}
	}
}
