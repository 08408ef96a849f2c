package main

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// at is the environment of a client of s.
func (s *serving) at() []string { return []string{"CULVERT_URL=" + s.url} }

// feed runs the program to its end with input as its standard input.
func feed(t *testing.T, environment []string, input string, arguments ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, wrong bytes.Buffer
	c := culvert(t, environment, arguments...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &wrong
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), wrong.String(), c.ProcessState.ExitCode()
}

// published publishes input, all of which must be confirmed.
func published(t *testing.T, s *serving, input string, arguments ...string) {
	t.Helper()
	if _, stderr, status := feed(t, s.at(), input, append([]string{"publish"}, arguments...)...); status != 0 {
		t.Fatalf("publish %q ended with %d\n%s", arguments, status, stderr)
	}
}

// mask hides what differs from run to run.
func mask(s string) string {
	s = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`).ReplaceAllString(s, "TIME")
	return regexp.MustCompile(`"cursor": ?"[A-Za-z0-9_.~-]+"`).ReplaceAllString(s, `"cursor":"CURSOR"`)
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got = mask(got); got != want {
		t.Errorf("%s\n%s\nwant\n%s", what, got, want)
	}
}

func TestPublishAndTail(t *testing.T) {
	s := serveIn(t)
	picture := filepath.Join(t.TempDir(), "picture")
	if err := os.WriteFile(picture, []byte("\x89PNG\r\n\x00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	published(t, s, "hello, world\nk\n", "orders")
	published(t, s, "GOOG\t187.2\n", "orders", "-K", `\t`, "-H", "source:cron", "-H", "source: a b")
	published(t, s, `{"key":"AAPL","headers":[["h","v"]],"payload":{"n": 1.00}}`, "orders", "--json")
	published(t, s, "GOOG\n", "orders", "--tombstone")
	published(t, s, "", "orders", "--whole", "-k", "cat", picture)
	tail := func(arguments ...string) string {
		t.Helper()
		stdout, stderr, status := run(t, s.at(), append([]string{"tail", "orders", "--from", "earliest"}, arguments...)...)
		if status != 0 || stderr != "" {
			t.Errorf("tail %q ended with %d\n%s", arguments, status, stderr)
		}
		return stdout
	}
	// publish took blanks away, tail did not, and waited for ever for what publish had sent.
	wantText(t, "of one header", tail("--limit", "1", "--header", "source: cron"), "TIME orders/0:2 GOOG [source: cron] [source: a b] 187.2\n")
	wantText(t, "in text", tail("--limit", "6"), `TIME orders/0:0 - hello, world
TIME orders/0:1 - k
TIME orders/0:2 GOOG [source: cron] [source: a b] 187.2
TIME orders/0:3 AAPL [h: v] {"n": 1.00}
TIME orders/0:4 GOOG (deleted)
TIME orders/0:5 cat (8 bytes) \x89PNG\r\n\x00\n
`)
	wantText(t, "in colour", tail("--limit", "1", "--color", "always"), "\x1b[2mTIME\x1b[0m \x1b[2morders/0:0\x1b[0m \x1b[2m-\x1b[0m hello, world\n")
	wantText(t, "in JSON", tail("--limit", "2", "--key", "GOOG", "-o", "json"),
		`{"op":"msg","topic":"orders","partition":0,"offset":2,"key":"GOOG","headers":[["source","cron"],["source","a b"]],"time":"TIME","payload":187.2,"cursor":"CURSOR"}
{"op":"msg","topic":"orders","partition":0,"offset":4,"key":"GOOG","headers":[],"time":"TIME","payload":null,"cursor":"CURSOR"}
`)
	wantText(t, "raw", tail("--limit", "6", "-o", "raw"), "hello, world\nk\n187.2\n{\"n\": 1.00}\n\x89PNG\r\n\x00\n\n")
	wantText(t, "by a header", tail("--limit", "1", "--header", "h:v", "-o", "raw"), "{\"n\": 1.00}\n")

	stdout, _, _ := run(t, s.at(), "topics")
	wantText(t, "topics", stdout, "TOPIC   BROKER\norders  inproc\n")
	stdout, _, _ = run(t, s.at(), "topics", "x*")
	wantText(t, "topics x*", stdout, "TOPIC  BROKER\n")
	stdout, _, _ = run(t, s.at(), "topics", "-o", "json", "ord*")
	wantText(t, "topics in JSON", stdout, "{\n  \"topics\": [\n    {\n      \"topic\": \"orders\",\n      \"broker\": \"inproc\"\n    }\n  ],\n  \"complete\": true\n}\n")
	stdout, _, _ = run(t, s.at(), "topics", "--long")
	if !regexp.MustCompile(`^TOPIC   BROKER  PARTITION  FIRST  END  CAPABILITIES\norders  inproc  0          0      6    history time .*create\n$`).MatchString(stdout) {
		t.Errorf("topics --long\n%s", stdout)
	}
	stdout, _, _ = run(t, s.at(), "topics", "--long", "-o", "json")
	if !strings.Contains(mask(stdout), `"cursor":"CURSOR"`) || !strings.Contains(stdout, `"history"`) {
		t.Errorf("topics --long -o json\n%s", stdout)
	}
}

// Several topics and patterns are one stream, which ends where it is told to.
func TestTailOfSeveralTopics(t *testing.T) {
	s := serveIn(t)
	published(t, s, "p1\np2\n", "prices")
	published(t, s, "a1\n", "alerts.eu")
	published(t, s, "s1\n", "secrets")
	tail := func(arguments ...string) string {
		t.Helper()
		stdout, stderr, status := run(t, s.at(), append([]string{"tail", "--from", "earliest", "-o", "raw"}, arguments...)...)
		if status != 0 || stderr != "" {
			t.Errorf("tail %q ended with %d\n%s", arguments, status, stderr)
		}
		lines := slices.Sorted(strings.Lines(stdout)) // each topic has its order, but which of them comes first is open
		return strings.Join(lines, "")
	}
	wantText(t, "all that is there", tail("prices", "alerts.*", "--to", "latest"), "a1\np1\np2\n")
	wantText(t, "one topic by a pattern", tail("al*", "--to", "latest"), "a1\n")
	wantText(t, "what came before a time", tail("prices", "alerts.eu", "--to", "@1000"), "")
	wantText(t, "so many", tail("prices", "nothing.*", "--limit", "2"), "p1\np2\n")
	stdout, _, _ := run(t, s.at(), "tail", "prices", "--from", "earliest", "--limit", "1", "-o", "json")
	cursor := regexp.MustCompile(`"cursor":"([^"]+)"`).FindStringSubmatch(stdout)
	if cursor == nil {
		t.Fatalf("no cursor in %s", stdout)
	}
	wantText(t, "what came before a cursor", tail("prices", "--to", cursor[1]), "p1\n")

	f := follow(t, s.at(), "alerts.*", "--from", "earliest", "--limit", "2")
	f.want(t, "a1")
	published(t, s, "a2\n", "alerts.us")
	f.want(t, "a2")
	if err := f.Wait(); err != nil || f.said.Len() > 0 {
		t.Errorf("it ended with %v\n%s", err, f.said.String())
	}
}

func TestAMemberOfAQueue(t *testing.T) {
	s := serveIn(t)
	published(t, s, "1\n2\n3\n", "orders")
	for _, want := range []string{"1\n2\n", "3\n"} { // what one member has shown, the next one is not given
		stdout, stderr, status := run(t, s.at(), "tail", "orders", "--queue", "billing", "--ack", "manual", "--limit", fmt.Sprint(len(want)/2), "-o", "raw", "--from", "earliest")
		if want == "3\n" {
			// The queue has begun, so its from is a conflict, in the words of the bridge.
			if status != 1 || !strings.HasPrefix(stderr, "culvert: conflict: ") {
				t.Errorf("a later from ended with %d\n%s", status, stderr)
			}
			stdout, stderr, status = run(t, s.at(), "tail", "orders", "--queue", "billing", "--ack", "manual", "--limit", "1", "-o", "raw")
		}
		if status != 0 || stdout != want {
			t.Errorf("a member showed %q and ended with %d, want %q\n%s", stdout, status, want, stderr)
		}
	}
}

func TestWhatIsTypedWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ arguments, want string }{
		{"publish", "say the topic: culvert publish TOPIC [FILE…]"},
		{"tail", "say the topic: culvert tail TOPIC…"},
		{"tail ..", `".." names nothing`},
		{"queues", "say one topic"},
		{"queues a b", "say one topic, or what to do with a queue, as culvert queues inspect a b"},
		{"queues inspct a b", `unknown command "inspct"; did you mean inspect?`},
		{"queues list", "say one topic: culvert queues list TOPIC"},
		{"queues list a b", "say one topic"},
		{"queues inspect a", "say one topic and one queue: culvert queues inspect TOPIC QUEUE"},
		{"queues inspect a b -o table", `there is no output "table"`},
		{"queues reset a b", "say where to: --to earliest, latest, @time or a cursor"},
		{"queues reset a b --to latest -o xml", `there is no output "xml"`},
		{"queues delete a ..", `".." names nothing`},
		{"queues delete a b c", "say one topic and one queue"},
		{"queues redrive a", "say one topic and one queue"},
		{"queues redrive a b --limit 0", "at least 1"},
		{"queues redrive a b --limit -1", "at least 1"},
		{"topics a b", "say one pattern at most"},
		{"publish a --json --whole", "choose one"},
		{"publish a -K : -k x", "it does not go with -k"},
		{"publish a --json -k x", "-k and -H do not go with it"},
		{"publish a --tombstone -k x", "-k does not go with it"},
		{`publish a -K \q`, `escapes are those of Go`},
		{"publish a -H x", "-H x: give name:value"},
		{"publish a --rate fast", "give a number above 0 and a unit"},
		{"publish a --rate 0", "give a number above 0 and a unit"},
		{"publish a --rate 1/d", "give a number above 0 and a unit"},
		{"publish a --window 0", "--window is 0"},
		{"publish a --timeout 0s", "are times"},
		{"publish a --wnidow 1", "unknown flag: --wnidow; see culvert publish --help"},
		{"tail a --ack auto", "name it with --queue"},
		{"tail a --peek", "name it with --queue"},
		{"tail a b --queue q", "a queue is of one topic: 2 are given"},
		{"tail a* --queue q", "a queue is of one topic: a* is a pattern"},
		{"tail a --queue q --limit 1", "needs --ack manual"},
		{"tail a --limit 0", "at least 1"},
		{"tail a --header x", "give name:value"},
		{"tail a -o xml", `there is no output "xml"`},
		{"tail a --color blue", `and not "blue"`},
		{"topics -o text", `there is no output "text"`},
		{"topics --url localhost:8080", "it begins with http:// or https://"},
		{"topics --url 127.0.0.1:8080", "it begins with http:// or https://"},
		{"topics --ca " + file, "holds no certificate"},
		{"version x", `culvert version takes no "x"`},
	} {
		_, stderr, status := run(t, nil, strings.Fields(c.arguments)...)
		if status != 2 || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s ended with %d\n%s\nwant %s", c.arguments, status, stderr, c.want)
		}
	}
}

func TestNoBridgeAnswers(t *testing.T) {
	for _, command := range []string{"publish a", "tail a", "topics", "queues a", "queues inspect a b", "queues reset a b --to latest", "queues delete a b", "queues redrive a b"} {
		_, stderr, status := feed(t, nil, "x\n", append(strings.Fields(command), "--url", "http://127.0.0.1:1")...)
		const want = "culvert: no bridge answers at http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused; start one with `culvert serve`, or say where it is with --url\n"
		if status != 1 || stderr != want {
			t.Errorf("%s ended with %d\n%swant\n%s", command, status, stderr, want)
		}
	}
	if _, stderr, status := feed(t, nil, "", "publish", "a", "nothing.txt"); status != 1 || stderr != "culvert: reading nothing.txt: no such file or directory\n" {
		t.Errorf("a file that is not there: %d\n%s", status, stderr)
	}
}

// Trouble that stays is told in the words of the bridge.
func TestProblemsAreTold(t *testing.T) {
	s := serveIn(t)
	for _, c := range []struct{ arguments, want string }{
		{"tail a --from yesterday", "culvert: invalid-request: "},
		{"tail a~b", "culvert: invalid-request: "},
		{"tail a --to tomorrow", "culvert: invalid-request: "},
		{"tail a b~c", "culvert: invalid-request: "},
		{"tail a --queue b --peek", "culvert: unknown-"},
		{"tail a --queue b --peek --ack manual", "culvert: invalid-request: "},
		{"queues inspect a b~c", "culvert: invalid-request: "},
		{"queues a~b", "culvert: invalid-request: "},
	} {
		if _, stderr, status := run(t, s.at(), strings.Fields(c.arguments)...); status != 1 || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("%s ended with %d\n%s\nwant %s", c.arguments, status, stderr, c.want)
		}
	}
	_, stderr, status := feed(t, s.at(), "good\n"+strings.Repeat("bad\n", 13), "publish", "orders", "-K", "oo")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if status != 1 || len(lines) != 12 || lines[0] != `culvert: stdin:2: there is no "oo" between a key and a payload in it` || lines[10] != "culvert: … and 3 more" || lines[11] != "culvert: 1 confirmed, 13 failed, 0 resent" {
		t.Errorf("it ended with %d\n%s", status, stderr)
	}
	_, stderr, status = feed(t, s.at(), "good\n"+strings.Repeat("x", 2_000_000)+"\ngood\n", "publish", "orders")
	if status != 1 || !strings.Contains(stderr, "culvert: stdin:2: too-large: ") || !strings.Contains(stderr, "culvert: 2 confirmed, 1 failed, ") {
		t.Errorf("it ended with %d\n%s", status, stderr)
	}
}

// A pipe whose reader has had enough is a clean end.
func TestTailIntoHead(t *testing.T) {
	s := serveIn(t)
	published(t, s, strings.Repeat("line\n", 50_000), "orders")
	c := culvert(t, s.at(), "tail", "orders", "--from", "earliest")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = write, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	read.Close()
	if err := c.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("it ended with %v\n%s", err, stderr.String())
	}

	// That is seen also where no more messages come.
	f := follow(t, s.at(), "orders", "--from", "-1")
	f.want(t, "line")
	f.out.Close()
	if err := f.Wait(); err != nil || f.said.Len() > 0 {
		t.Errorf("it ended with %v\n%s", err, f.said.String())
	}
}

// following is a tail that runs.
type following struct {
	*exec.Cmd
	out   io.Closer
	lines *bufio.Scanner
	said  bytes.Buffer
}

func follow(t *testing.T, environment []string, arguments ...string) *following {
	t.Helper()
	f := &following{Cmd: culvert(t, environment, append([]string{"tail", "-o", "raw"}, arguments...)...)}
	out, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	f.Stderr = &f.said
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	f.out, f.lines = out, bufio.NewScanner(out)
	return f
}

func (f *following) want(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !f.lines.Scan() || f.lines.Text() != want {
			t.Fatalf("got %q, want %q (%v)\n%s", f.lines.Text(), want, f.lines.Err(), f.said.String())
		}
	}
}

func TestAnInterruptIsACleanEnd(t *testing.T) {
	s := serveIn(t)
	published(t, s, "one\n", "orders")
	f := follow(t, s.at(), "orders", "--from", "earliest")
	f.want(t, "one")
	if err := f.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(); err != nil || f.said.Len() > 0 {
		t.Errorf("tail ended with %v\n%s", err, f.said.String())
	}

	// A publisher whose input has not ended.
	p := culvert(t, s.at(), "publish", "orders")
	input, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	p.Stderr = &stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(input, "two\nthree\n"); err != nil {
		t.Fatal(err)
	}
	f = follow(t, s.at(), "orders", "--from", "earliest", "--limit", "3")
	f.want(t, "one", "two", "three")
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil || stderr.String() != "2 confirmed, 0 failed, 0 resent\n" {
		t.Errorf("publish ended with %v\n%s", err, stderr.String())
	}
	if err := f.Wait(); err != nil {
		t.Errorf("tail ended with %v\n%s", err, f.said.String())
	}
}

// A command that asks was ended by ^C with "context canceled".
func TestAnInterruptWhileTheBridgeIsAsked(t *testing.T) {
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	defer server.Close()
	var stderr bytes.Buffer
	c := culvert(t, nil, "topics", "--url", server.URL)
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || stderr.String() != "culvert: interrupted\n" {
		t.Errorf("it ended with %v\n%s", err, stderr.String())
	}
}

// A bridge that restarts in the middle is no reason not to have every message confirmed, nor to stop following.
func TestABridgeThatRestarts(t *testing.T) {
	s := serveIn(t)
	p := culvert(t, s.at(), "publish", "orders")
	input, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	p.Stderr = &stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	f := follow(t, s.at(), "orders", "--from", "earliest")
	io.WriteString(input, "before\n")
	f.want(t, "before")
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(input, "meanwhile\n")
	serveIn(t, "CULVERT_LISTEN="+strings.TrimPrefix(s.url, "http://"))
	io.WriteString(input, "after\n")
	input.Close()
	if err := p.Wait(); err != nil || !strings.HasSuffix(stderr.String(), "\n3 confirmed, 0 failed, 0 resent\n") || !strings.Contains(stderr.String(), "trying again in ") {
		t.Errorf("publish ended with %v\n%s", err, stderr.String())
	}
	// The in-process broker's log is a new one, which tail says.
	f.want(t, "meanwhile", "after")
	if err := f.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(); err != nil || !strings.Contains(f.said.String(), "gap in orders/0: messages are lost, nobody knows how many (epoch)\n") {
		t.Errorf("tail ended with %v\n%s", err, f.said.String())
	}
}

func TestRateIsKept(t *testing.T) {
	s := serveIn(t)
	begun := time.Now()
	published(t, s, strings.Repeat("x\n", 11), "orders", "--rate", "1200/m")
	if took := time.Since(begun); took < 450*time.Millisecond {
		t.Errorf("11 messages at 20 a second took %s", took)
	}
}

// What a broker does not tell is -, and a list that is not complete says so.
func TestListsThatAreNotComplete(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v1/topics":
			io.WriteString(w, `{"topics":[{"topic":"a","broker":"amqp"}],"complete":false}`)
		case "/v1/topics/a":
			io.WriteString(w, `{"topic":"a","broker":"amqp","capabilities":[],"cursor":"c","partitions":[{"partition":0,"first":null,"end":null},{"partition":1,"first":0,"end":7}]}`)
		case "/v1/topics/a/queues":
			io.WriteString(w, `{"queues":[{"queue":"billing","members":2,"lag":null},{"queue":"stock","members":0,"lag":17}],"complete":false}`)
		}
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := []string{"CULVERT_URL=" + server.URL, "CULVERT_TOKEN=secret"}
	for _, c := range []struct{ arguments, want string }{
		{"queues a --ca " + ca, "QUEUE    MEMBERS  LAG\nbilling  2        -\nstock    0        17\n"},
		{"topics --insecure", "TOPIC  BROKER\na      amqp\n"},
		{"topics -l --insecure", "TOPIC  BROKER  PARTITION  FIRST  END  CAPABILITIES\na      amqp    0          -      -    \n               1          0      7    \n"},
	} {
		stdout, stderr, status := run(t, environment, strings.Fields(c.arguments)...)
		if status != 0 || stdout != c.want || !strings.HasPrefix(stderr, "culvert: the list is not complete: ") {
			t.Errorf("%s ended with %d\n%s\n%s\nwant\n%s", c.arguments, status, stdout, stderr, c.want)
		}
	}
	if _, stderr, status := run(t, environment, "topics"); status != 1 || !strings.Contains(stderr, "certificate signed by unknown authority; say whom to trust with --ca") {
		t.Errorf("it trusts anybody: %d\n%s", status, stderr)
	}
	// --ca was recommended, or a bridge to be started, where the certificate was another host's.
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	if _, stderr, status := run(t, environment, "topics", "--ca", ca, "--url", named); status != 1 || !strings.HasSuffix(stderr, "not localhost\n") {
		t.Errorf("a certificate of another name: %d\n%s", status, stderr)
	}
	if _, stderr, status := run(t, environment, "topics", "--insecure", "--token", "wrong"); status != 1 || stderr != "culvert: the answer is 401 Unauthorized, and no bridge's\n" {
		t.Errorf("%d\n%s", status, stderr)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if stdout, stderr, status := run(t, nil, "completion", shell); status != 0 || !strings.Contains(stdout, "culvert") {
			t.Errorf("%s: %d\n%s", shell, status, stderr)
		}
	}
	s := serveIn(t)
	published(t, s, "x\n", "orders")
	if _, stderr, status := run(t, s.at(), "tail", "orders", "--queue", "billing", "--ack", "manual", "--limit", "1", "--from", "earliest"); status != 0 {
		t.Fatal(stderr)
	}
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"publish", ""}, "orders\norders.billing.dlq\n"},
		{[]string{"publish", "orders", ""}, ""}, // files
		{[]string{"tail", "o"}, "orders\norders.billing.dlq\n"},
		{[]string{"queues", "o"}, "orders\norders.billing.dlq\n"},
		{[]string{"queues", "orders", ""}, ""},
		{[]string{"queues", "list", ""}, "orders\norders.billing.dlq\n"},
		{[]string{"queues", "redrive", ""}, "orders\norders.billing.dlq\n"},
		{[]string{"queues", "inspect", "orders", ""}, "billing\n"},
		{[]string{"queues", "reset", "orders", ""}, "billing\n"},
		{[]string{"queues", "delete", "orders", "billing", ""}, ""},
		{[]string{"queues", "reset", "orders", "billing", "--to", ""}, "earliest\nlatest\n@-15m\n"},
		{[]string{"queues", "inspect", "orders", "billing", "-o", ""}, "text\njson\n"},
		{[]string{"topics", ""}, "orders\norders.billing.dlq\n"},
		{[]string{"tail", "orders", "--queue", ""}, "billing\n"},
		{[]string{"tail", "--queue", ""}, ""},
		{[]string{"tail", "orders", "-o", ""}, "text\njson\nraw\n"},
		{[]string{"tail", "orders", "--ack", ""}, "auto\nmanual\n"},
		{[]string{"serve", "--broker", ""}, "inproc\nkafka\namqp\n"},
		{[]string{"tail", "--url", "http://127.0.0.1:1", ""}, ""},
		{[]string{"tail", "--url", "nonsense", ""}, ""},
	} {
		stdout, _, status := run(t, s.at(), append([]string{"__complete"}, c.words...)...)
		names, _, _ := strings.Cut(stdout, ":") // then what the shell shall do with them
		if status != 0 || names != c.want {
			t.Errorf("%q is completed with %q and %d, want %q", c.words, names, status, c.want)
		}
	}
}

// A bridge that hangs must not hang the shell.
func TestCompletionIsShort(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	begun := time.Now()
	if _, _, status := run(t, nil, "__complete", "tail", "--url", server.URL, ""); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if took := time.Since(begun); took > completionTimeout+20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestHelpTeachesByExamples(t *testing.T) {
	for _, command := range []string{"serve", "publish", "tail", "topics", "queues", "queues list", "queues inspect", "queues reset", "queues delete", "queues redrive"} {
		stdout, _, status := run(t, nil, append(strings.Fields(command), "--help")...)
		if status != 0 || !strings.Contains(stdout, "Examples:\n") || !strings.Contains(stdout, "culvert "+command) {
			t.Errorf("%s: %d\n%s", command, status, stdout)
		}
	}
}
