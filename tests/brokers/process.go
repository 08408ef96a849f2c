package brokers

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// process is a broker's process. It is killed when kill is called, or when this process ends, however it does: a shell between the
// two waits for the end of its input, which the system closes with us.
type process struct {
	cmd  *exec.Cmd
	life io.Closer
	log  string
	gone string // a file that exists once the broker's process is no more
}

// supervise runs "$@" until its input ends. $1 is a file to make when the broker has ended, $2 a folder to remove then, or nothing. ^C is not for
// the broker: who started it ends it.
const supervise = `trap '' INT
gone=$1 remove=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
broker=$!
( cat <&3 >/dev/null; kill -9 $broker 2>/dev/null ) &
exec 3<&-
wait $broker
echo $? >"$gone"
wait
if [ -n "$remove" ]; then rm -rf "$remove"; fi`

// startProcess starts a command whose output goes to the file log in dir. Where remove is true dir is removed after its end. No goroutine belongs to it.
func startProcess(dir string, remove bool, command ...string) (*process, error) {
	p := &process{log: filepath.Join(dir, "log"), gone: filepath.Join(dir, "gone")}
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
	doomed := ""
	if remove {
		doomed = dir
	}
	p.cmd = exec.Command("sh", append([]string{"-c", supervise, "supervise", p.gone, doomed}, command...)...)
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

// ended reports whether the process has ended by itself, and the end of what it said.
func (p *process) ended() (string, bool) {
	if _, err := os.Stat(p.gone); err != nil {
		return "", false
	}
	return p.said(), true
}

// said is the end of the process's output.
func (p *process) said() string {
	text, _ := os.ReadFile(p.log)
	return lastLines(text, 20)
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

// freePorts gives n TCP ports of the loopback that nobody listens on.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
