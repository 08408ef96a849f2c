package chaos

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// node is a bridge at an address that it keeps over its deaths.
type node struct {
	t      *testing.T
	env    []string
	url    string
	bridge *bridge.Bridge
	births atomic.Int64 // how often it was started
	run    func(testing.TB, ...string) *bridge.Bridge
}

func newNode(t *testing.T, env []string, run func(testing.TB, ...string) *bridge.Bridge) *node {
	listen := brokers.Loopback(brokers.FreePorts(t, 1)[0])
	n := &node{t: t, env: append([]string{"CULVERT_LISTEN=" + listen}, env...), url: "http://" + listen, run: run}
	n.start()
	return n
}

// start runs a process, again after kill or stop.
func (n *node) start() {
	n.births.Add(1)
	n.bridge = n.run(n.t, n.env...)
}

// kill ends the process at once.
func (n *node) kill() { n.bridge.Kill() }

// stop ends the process in order, as SIGTERM does.
func (n *node) stop() {
	if err := n.bridge.Stop(); err != nil {
		n.t.Errorf("the bridge at %s left with %v", n.url, err)
	}
}

// ready is what the bridge says of itself.
func (n *node) ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := client.Text(ctx, n.bridge.Admin+"/readyz")
	var refusal *client.StatusError
	if err != nil && !(errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable) {
		n.t.Errorf("/readyz: %v", err)
	}
	return err == nil
}

// usage is what a bridge holds of its machine.
type usage struct {
	goroutines  int
	descriptors int
	heap        int // bytes that are alive, after a collection
}

func (u usage) plus(v usage) usage {
	return usage{u.goroutines + v.goroutines, u.descriptors + v.descriptors, u.heap + v.heap}
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, a heap of %.1f MiB", u.goroutines, u.descriptors, float64(u.heap)/(1<<20))
}

// usage asks the bridge, which must live.
func (n *node) usage() (u usage, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	profile, err := client.Text(ctx, n.bridge.Admin+"/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return u, err
	}
	if u.heap, err = number(profile, "# HeapAlloc = "); err != nil {
		return u, err
	}
	metrics, err := client.Text(ctx, n.bridge.Admin+"/metrics")
	if err != nil {
		return u, err
	}
	if u.goroutines, err = number(metrics, "go_goroutines "); err != nil {
		return u, err
	}
	u.descriptors, err = number(metrics, "process_open_fds ")
	return u, err
}

// goroutines tells where those of the bridge are, with how many are there.
func (n *node) goroutines() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	profile, err := client.Text(ctx, n.bridge.Admin+"/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err.Error()
	}
	return string(profile)
}

// number is what stands behind a prefix on a line of text.
func number(text []byte, prefix string) (int, error) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), prefix); found {
			f, err := strconv.ParseFloat(value, 64)
			return int(f), err
		}
	}
	return 0, fmt.Errorf("no %q in %d bytes", prefix, len(text))
}
