package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A bridge between Kafka and the command line restarts while one command publishes and another follows. Every message is confirmed and in Kafka; the
// follower sees those of a key in order, and none twice but what was sent twice, since its outcome was lost with the connection.
func TestCommandsOutliveTheirBridge(t *testing.T) {
	const messages, restarts = 4000, 2
	ctx := deadline(t)
	s := kafka()
	topic := s.topic(t)
	b := s.start(t)

	publisher := b.Command(ctx, t, "publish", topic, "-K", ":", "--window", "200")
	input, err := publisher.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	publisher.Stderr = &report
	follower := b.Command(ctx, t, "tail", topic, "--from", "earliest", "-o", "raw")
	output, err := follower.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	follower.Stderr = &said
	for _, c := range []interface{ Start() error }{publisher, follower} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(output)
	next := 0
	counts := map[string]int{}
	last := map[int]int{} // of each key
	show := func(line string) {
		n, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if counts[line]++; counts[line] > 1 {
			return
		}
		if key := n % 7; n < last[key] {
			t.Errorf("%d came behind %d", n, last[key])
		} else {
			last[key] = n
		}
	}
	for restart := range restarts + 1 {
		until := messages * (restart + 1) / (restarts + 1)
		written := make(chan error, 1)
		// Ends when the publisher has taken the lines, which it does with a bridge.
		go func() {
			var batch strings.Builder
			for i := next; i < until; i++ {
				fmt.Fprintf(&batch, "k%d:%d\n", i%7, i)
			}
			_, err := io.WriteString(input, batch.String())
			written <- err
		}()
		// The middle of them is shown when the bridge goes, so that there is something under way.
		for half := (next + until) / 2; len(counts) < half && lines.Scan(); {
			show(lines.Text())
		}
		if restart < restarts {
			if err := b.Stop(); err != nil {
				t.Fatal(err)
			}
			b = s.start(t, "CULVERT_LISTEN="+strings.TrimPrefix(b.URL, "http://"))
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		next = until
	}
	input.Close()
	if err := publisher.Wait(); err != nil || !strings.Contains(report.String(), fmt.Sprintf("%d confirmed, 0 failed, ", messages)) {
		t.Fatalf("publish ended with %v\n%s", err, report.String())
	}
	for len(counts) < messages && lines.Scan() {
		show(lines.Text())
	}
	if err := follower.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, output); err != nil {
		t.Fatal(err)
	}
	if err := follower.Wait(); err != nil {
		t.Errorf("tail ended with %v\n%s", err, said.String())
	}
	if len(counts) != messages || strings.Contains(said.String(), "gap") {
		t.Errorf("%d of %d messages were shown\n%s", len(counts), messages, said.String())
	}
	twice := 0
	for _, n := range counts {
		twice += n - 1
	}
	if resent := resentIn(t, report.String()); twice > resent {
		t.Errorf("%d were shown twice, but only %d sent twice: tail repeats itself\n%s", twice, resent, said.String())
	}
}

// resentIn is the number before "resent" in what publish said.
func resentIn(t *testing.T, report string) int {
	t.Helper()
	words := strings.Fields(report)
	i := slices.Index(words, "resent")
	if i < 1 {
		t.Fatalf("it said\n%s", report)
	}
	n, err := strconv.Atoi(words[i-1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Kafka tells what a topic and its queues have, and a member settles what it has shown.
func TestCommandsTellOfKafka(t *testing.T) {
	ctx := deadline(t)
	s := kafka()
	topic := s.topic(t)
	b := s.start(t)
	post(ctx, t, b, topic, numbered(0, 5)...)
	run := func(arguments ...string) string {
		t.Helper()
		c := b.Command(ctx, t, arguments...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%q ended with %v\n%s", arguments, err, stderr.String())
		}
		return string(out)
	}
	if got, want := run("tail", topic, "--queue", "workers", "--ack", "manual", "--from", "earliest", "--limit", "3", "-o", "raw"), "m0\nm1\nm2\n"; got != want {
		t.Errorf("the member showed %q, want %q", got, want)
	}
	if got := run("topics", "-l", topic); strings.Count(got, "\n") != s.partitions+1 || !strings.HasPrefix(strings.Split(got, "\n")[1], topic+"  kafka   0 ") {
		t.Errorf("topics -l says\n%s", got)
	}
	if got := strings.Fields(run("queues", topic)); len(got) < 6 || got[0] != "QUEUE" || got[3] != "workers" || got[5] == "" {
		t.Errorf("queues says %q", got)
	}
}
