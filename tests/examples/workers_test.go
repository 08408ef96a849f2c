package examples

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

const (
	folder   = "../../docs/examples"
	patience = 30 * time.Second
)

// worker is a running one.
type worker struct {
	name string
	mu   sync.Mutex // guards said
	said []string
}

// run starts a worker, which is killed when the test ends.
func run(t *testing.T, name string, command *exec.Cmd, url string) *worker {
	t.Helper()
	w := &worker{name: name}
	command.Env = append(command.Environ(), "CULVERT_URL="+url)
	output, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = write, write
	input, err := command.StdinPipe() // what brokers.Python starts ends with it
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	read := make(chan struct{})
	// Ends with the process.
	go func() {
		defer close(read)
		w.follow(output)
	}()
	t.Cleanup(func() {
		input.Close()
		_ = command.Process.Kill()
		_ = command.Wait() // killed, as asked
		<-read
		output.Close()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, strings.Join(w.lines(), "\n"))
		}
	})
	return w
}

func (w *worker) follow(output io.Reader) {
	for lines := bufio.NewScanner(output); lines.Scan(); {
		w.mu.Lock()
		w.said = append(w.said, lines.Text())
		w.mu.Unlock()
	}
}

func (w *worker) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

// count is how many lines contain text.
func (w *worker) count(text string) (n int) {
	for _, line := range w.lines() {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// inject publishes orders, each of a customer of its own.
func inject(t *testing.T, b *bridge.Bridge, from, to, items int) {
	t.Helper()
	var messages []map[string]any
	for n := from; n < to; n++ {
		messages = append(messages, map[string]any{"key": fmt.Sprintf("c%d", n), "payload": map[string]int{"order": n, "items": items}})
	}
	body, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Post(t.Context(), b.URL+"/v1/topics/orders/messages", "application/vnd.culvert.batch+json", body, new(any)); err != nil {
		t.Fatal(err)
	}
}

// Both workers take part in one queue: they share the orders, hand back what cannot be packed until it is a dead letter, and go on when the bridge was killed.
func TestWorkers(t *testing.T) {
	program := filepath.Join(t.TempDir(), "worker")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, folder+"/worker.go")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	port := brokers.FreePorts(t, 1)[0]
	start := func() *bridge.Bridge {
		return bridge.Start(t, "CULVERT_BROKER=inproc", fmt.Sprintf("CULVERT_LISTEN=127.0.0.1:%d", port), "CULVERT_QUEUE_MAX_ATTEMPTS=2")
	}
	b := start()
	ctx := context.WithoutCancel(t.Context()) // they end with their pipes
	workers := []*worker{
		run(t, "worker.py", brokers.Python(ctx, t, folder+"/worker.py"), b.URL),
		run(t, "worker.go", exec.CommandContext(ctx, program), b.URL),
	}
	ready := func(times int) {
		t.Helper()
		for _, w := range workers {
			brokers.Eventually(t, patience, w.name+" is ready", func() bool { return w.count("ready") == times })
		}
	}
	packed := func(from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			line := fmt.Sprintf("order %d of c%d: 1 packed", n, n)
			brokers.Eventually(t, patience, line, func() bool { return workers[0].count(line)+workers[1].count(line) > 0 })
			if times := workers[0].count(line) + workers[1].count(line); times != 1 {
				t.Errorf("%s: %d times", line, times)
			}
		}
	}

	ready(1)
	inject(t, b, 0, 20, 1)
	packed(0, 20)
	for _, w := range workers {
		if w.count("packed") == 0 {
			t.Errorf("%s had nothing to do", w.name)
		}
	}

	inject(t, b, 20, 21, 0)
	dead, err := client.OpenSSE(t.Context(), b.URL+"/v1/topics/orders.packing.dlq/events?from=earliest&envelope=1", "")
	if err != nil {
		t.Fatal(err)
	}
	letter, err := dead.Until("message")
	dead.Close()
	if err != nil || !strings.Contains(letter.Data, `"order":20`) || !strings.Contains(letter.Data, `["culvert-dead-attempts","2"]`) {
		t.Errorf("the dead letter is %s, %v", letter.Data, err)
	}
	failed := func() int {
		return workers[0].count("failed: nothing to pack") + workers[1].count("failed: nothing to pack")
	}
	brokers.Eventually(t, patience, "both tries are told of", func() bool { return failed() >= 2 }) // a worker's words have another way than the letter
	if failed() != 2 {
		t.Errorf("it was tried %d times", failed())
	}

	b.Kill()
	b = start()
	ready(2)
	inject(t, b, 30, 40, 1)
	packed(30, 40)
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	start()
	ready(3)
}

// Each example says first what it shows, how it is run, and what to look at, and the index names it.
func TestEachExampleIntroducesItself(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == "README.md" {
			continue
		}
		if !strings.Contains(string(index), "["+f.Name()+"]("+f.Name()+")") {
			t.Errorf("README.md does not name %s", f.Name())
		}
		text, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimPrefix(string(text), "<!doctype html>\n"), "\n")
		for i, want := range []string{"What it shows: ", "How to run it: ", "What to look at: "} {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: its line %d is %q, not one of %q", f.Name(), i+1, lines[i], want)
			}
		}
	}
}
