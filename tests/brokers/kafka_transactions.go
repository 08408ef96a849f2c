package brokers

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// kafkaTransactions is run by Java as it stands here.
//
//go:embed KafkaTransactions.java
var kafkaTransactions []byte

// KafkaTransactions is a transactional producer of Apache's own, in a process that lives as long as the test: what it began and does not end stays open.
type KafkaTransactions struct {
	t       testing.TB
	input   io.Writer
	answers *bufio.Scanner
	errs    *bytes.Buffer
}

// StartTransactions starts one, and returns when the cluster knows it.
func StartTransactions(t testing.TB, cluster KafkaCluster) *KafkaTransactions {
	t.Helper()
	if err := checkJava(t.Context()); err != nil {
		Without(t, "Apache's Kafka clients", err)
	}
	libs, err := kafkaLibs(t.Context(), io.Discard)
	if err != nil {
		Without(t, "Apache's Kafka clients", err)
	}
	source := filepath.Join(t.TempDir(), "KafkaTransactions.java")
	if err := os.WriteFile(source, kafkaTransactions, 0o600); err != nil {
		t.Fatal(err)
	}
	line := java(libs, quick(), source, cluster.Bootstrap(), Topic(t))
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	p := &KafkaTransactions{t: t, errs: &bytes.Buffer{}}
	cmd.Stderr = p.errs
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
	t.Cleanup(func() {
		input.Close()
		_ = cmd.Wait() // the test's context has ended it
	})
	p.input, p.answers = input, bufio.NewScanner(output)
	p.answer("ready")
	return p
}

// Begin opens a transaction.
func (p *KafkaTransactions) Begin() { p.t.Helper(); p.do("done", "begin") }

// Commit ends the open transaction so that its messages count.
func (p *KafkaTransactions) Commit() { p.t.Helper(); p.do("done", "commit") }

// Abort ends the open transaction so that its messages never were.
func (p *KafkaTransactions) Abort() { p.t.Helper(); p.do("done", "abort") }

// Send puts a message into the open transaction, and returns its offset once the log has it.
func (p *KafkaTransactions) Send(topic string, partition int32, key, value string) int64 {
	p.t.Helper()
	answer := p.do("", "send", topic, fmt.Sprint(partition), key, value)
	offset, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		p.t.Fatalf("a transactional producer answered a message with %q", answer)
	}
	return offset
}

func (p *KafkaTransactions) do(want string, words ...string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.input, strings.Join(words, "\t")+"\n"); err != nil {
		p.t.Fatalf("a transactional producer takes no more: %v", err)
	}
	return p.answer(want)
}

func (p *KafkaTransactions) answer(want string) string {
	p.t.Helper()
	if !p.answers.Scan() {
		p.t.Fatalf("a transactional producer ended\n%s", lastLines(p.errs.Bytes(), 20))
	}
	if got := p.answers.Text(); want == "" || got == want {
		return got
	}
	p.t.Fatalf("a transactional producer said %q, want %q", p.answers.Text(), want)
	return ""
}
