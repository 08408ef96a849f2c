package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"culvert/tests/brokers"
	"culvert/tests/client"
)

// A bridge between Kafka and the command line restarts while one command publishes and another follows. Every message is confirmed and in Kafka; the
// follower sees those of a key in order, and none twice but what was sent twice, since its outcome was lost with the connection.
func TestCommandsOutliveTheirBridge(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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

// The life of a queue from a terminal: it is looked into and at, its dead letters are sent back, and it is moved and forgotten, but not while somebody works at it.
func TestCommandsForAQueue(t *testing.T) {
	everyBroker(t, func(t *testing.T, s subject) {
		ctx := deadline(t)
		topic := s.topic(t)
		b := s.start(t, "CULVERT_QUEUE_MAX_ATTEMPTS=2")
		places := s.name != "amqp" // it tells none, and moves none
		run := func(status int, arguments ...string) (stdout, stderr string) {
			t.Helper()
			c := b.Command(ctx, t, arguments...)
			var out, wrong bytes.Buffer
			c.Stdout, c.Stderr = &out, &wrong
			if err := c.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Fatal(err)
			}
			if got := c.ProcessState.ExitCode(); got != status {
				t.Fatalf("%q ended with %d, want %d\n%s%s", arguments, got, status, out.String(), wrong.String())
			}
			return out.String(), wrong.String()
		}
		says := func(want string, arguments ...string) {
			t.Helper()
			if got, _ := run(0, arguments...); got != want {
				t.Errorf("%q says\n%s\nwant\n%s", arguments, got, want)
			}
		}
		refused := func(want string, arguments ...string) {
			t.Helper()
			if out, got := run(1, arguments...); out != "" || !strings.HasPrefix(got, "culvert: "+want) {
				t.Errorf("%q says\n%s%s\nwant %s", arguments, out, got, want)
			}
		}
		knows := func(facts ...string) { // brokers may tell late
			t.Helper()
			var known string
			defer func() {
				if t.Failed() {
					t.Logf("want %q of\n%s", facts, known)
				}
			}()
			brokers.Eventually(t, 30*time.Second, "the queue is as it should be", func() bool {
				known, _ = run(0, "queues", "inspect", topic, "workers")
				return !slices.ContainsFunc(facts, func(fact string) bool {
					name, value, _ := strings.Cut(fact, ": ")
					return !slices.ContainsFunc(strings.Split(known, "\n"), func(line string) bool {
						return strings.HasPrefix(line, name+" ") && strings.HasSuffix(line, " "+value)
					})
				})
			})
		}

		member, stream := worker(ctx, t, b.URL, topic, "workers")
		post(ctx, t, b, topic, numbered(0, 5)...)
		receipts := map[string]string{}
		for _, text := range numbered(0, 5) {
			receipts[text] = want(t, member, "message", text).ID
		}
		knows("members: 1", "in flight: 5", "lag: 5", "attempts: 2", "dead letters: "+topic+".workers.dlq")
		refused("conflict: ", "queues", "delete", topic, "workers")
		if places {
			refused("conflict: ", "queues", "reset", topic, "workers", "--to", "earliest")
		} else {
			refused("unsupported: ", "queues", "reset", topic, "workers", "--to", "earliest")
			refused("unsupported: ", "tail", topic, "--queue", "workers", "--peek")
		}

		// Two are done, and one fails twice.
		settle := func(body map[string]any) {
			t.Helper()
			if _, unknown, err := client.Settle(ctx, b.URL, stream, body); err != nil || len(unknown) > 0 {
				t.Fatal(unknown, err)
			}
		}
		settle(map[string]any{"upto": receipts["m1"]})
		settle(map[string]any{"nack": []string{receipts["m2"]}})
		settle(map[string]any{"nack": []string{want(t, member, "message", "m2").ID}})
		knows("in flight: 2", "lag: 2")
		member.Close()
		knows("members: 0", "in flight: 0", "lag: 2")

		peeked := func(want string) {
			t.Helper()
			if places {
				says(want, "tail", topic, "--queue", "workers", "--peek", "--to", "latest", "-o", "raw")
				says("m3\n", "tail", topic, "--queue", "workers", "--peek", "--limit", "1", "-o", "raw")
			}
		}
		peeked("m3\nm4\n")
		says("1 dead letter is sent back to queue workers of topic "+topic+"\n", "queues", "redrive", topic, "workers")
		says("no dead letters: 0 are sent back to queue workers of topic "+topic+"\n", "queues", "redrive", topic, "workers")
		peeked("m3\nm4\nm2\n") // neither the redrive nor the peeks before it have taken anything
		knows("members: 0", "lag: 3")
		says("m3\nm4\nm2\n", "tail", topic, "--queue", "workers", "--ack", "manual", "--limit", "3", "-o", "raw")
		knows("members: 0", "lag: 0")

		if places {
			table, _ := run(0, "queues", "reset", topic, "workers", "--to", "earliest")
			if lines := strings.Split(table, "\n"); len(lines) != s.partitions+3 || lines[0] != "queue workers of topic "+topic+" is reset and goes on from:" {
				t.Errorf("reset says\n%s", table)
			}
			knows("lag: 6")
			says("m0\nm1\nm2\nm3\nm4\nm2\n", "tail", topic, "--queue", "workers", "--ack", "manual", "--limit", "6", "-o", "raw")
		}
		says("queue workers of topic "+topic+" is deleted\n", "queues", "delete", topic, "workers")
		for _, gone := range [][]string{{"inspect", topic, "workers"}, {"delete", topic, "workers"}, {"redrive", topic, "workers"}} {
			refused("unknown-queue: ", append([]string{"queues"}, gone...)...)
		}
		if got, _ := run(0, "queues", topic); strings.Contains(got, "workers") {
			t.Errorf("a queue that was deleted is listed\n%s", got)
		}
	})
}
