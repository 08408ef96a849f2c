package brokers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// startTimeout is how long a broker may take until it answers, where others start beside it on a busy machine.
const startTimeout = 2 * time.Minute

// process is a broker's process. It is killed when kill is called, or when this process ends, however it does: a shell between the
// two waits for the end of its input, which the system closes with us.
type process struct {
	cmd  *exec.Cmd
	life io.Closer
	log  string
	gone string // a file that exists once the broker's process is no more
	self string // a file that holds the broker's process id
}

// supervise runs "$@" until its input ends. $1 is a file to make when the broker has ended, $2 one for its process id, $3 a folder to remove then, or nothing. What a terminal
// or a time limit tells the whole group of processes is not for it, nor for the broker: who started them ends them.
const supervise = `trap '' HUP INT TERM
gone=$1 self=$2 remove=$3
shift 3
exec 3<&0
"$@" </dev/null 3<&- &
broker=$!
echo $broker >"$self"
( cat <&3 >/dev/null; kill -9 $broker 2>/dev/null ) &
exec 3<&-
wait $broker
echo $? >"$gone"
wait
if [ -n "$remove" ]; then
	# Another process that ends now may still write there.
	rm -rf "$remove" 2>/dev/null || { sleep 1; rm -rf "$remove"; }
fi`

// startProcess starts a command whose output goes to the file log in dir. Where remove is not empty this folder goes after its end. No goroutine belongs to it.
func startProcess(dir, remove string, command ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, "log"), gone: filepath.Join(dir, "gone"), self: filepath.Join(dir, "self")}
	if err := os.RemoveAll(p.gone); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	input, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer input.Close()
	p.cmd = exec.Command("sh", append([]string{"-c", supervise, "supervise", p.gone, p.self, remove}, command...)...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = input, log, log
	p.life = life
	if err := p.cmd.Start(); err != nil {
		life.Close()
		return nil, fmt.Errorf("starting %s: %w", command[0], err)
	}
	return p, nil
}

// kill ends the process with SIGKILL and returns when it is gone. It is called once.
func (p *process) kill() {
	p.life.Close()
	_ = p.cmd.Wait() // the shell's own status says nothing
}

// await returns nil when answers does. Where the process ends before, or takes too long, the error has what it said, and it is killed.
func (p *process) await(ctx context.Context, answers func() error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if p.ended() {
			return struct{}{}, backoff.Permanent(errors.New("it ended"))
		}
		return struct{}{}, answers()
	}, backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(startTimeout))
	if err != nil {
		said := p.said()
		p.kill()
		return fmt.Errorf("%w\n%s", err, said)
	}
	return nil
}

// ended reports whether the process has ended by itself.
func (p *process) ended() bool {
	_, err := os.Stat(p.gone)
	return err == nil
}

// pid is the id of the broker's own process.
func (p *process) pid() (int, error) {
	text, err := os.ReadFile(p.self)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// said is the end of the process's output.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	return lastLines(text, 20)
}

// keepLog keeps what a process in dir has said, where the test has failed, and tells where.
func keepLog(t testing.TB, dir string) {
	if !t.Failed() {
		return
	}
	kept := filepath.Join(os.TempDir(), filepath.Base(dir)+".log")
	if err := os.Rename(filepath.Join(dir, "log"), kept); err != nil {
		t.Logf("the log of the broker is lost: %v", err)
		return
	}
	t.Logf("what the broker said is kept in %s", kept)
}

// FreePorts gives a test n TCP ports of the loopback that nobody listens on.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	ports, err := freePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return ports
}

// Ports that no system gives to outgoing connections (Linux begins at 32768, others at 49152): a broker that is down for a while must find its port free when it
// comes back.
const (
	firstPort  = 16384
	endOfPorts = 32768
)

// lastPort counts the ports that this process has looked at. Each process begins elsewhere: a port is free for a while before its broker listens on it, and those of many brokers that
// start at once would meet if they were drawn by lot.
var lastPort atomic.Uint64

// freePorts gives n TCP ports of the loopback that nobody listens on, and that it has not given before.
func freePorts(n int) ([]int, error) {
	const apart = 97 // ports that one process needs, more or less; it goes on into the next one's
	ports := make([]int, 0, n)
	for failures := 0; len(ports) < n; {
		port := firstPort + int((uint64(os.Getpid())*apart+lastPort.Add(1))%(endOfPorts-firstPort))
		l, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			if failures++; failures > 1000 {
				return nil, err
			}
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports, nil
}
