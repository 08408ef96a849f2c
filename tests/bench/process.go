package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"culvert/tests/bench/drive"
)

// Process is a system that was started. It ends with the work.
type Process struct {
	Host  string // where it listens
	Admin string // the URL of a bridge's admin listener, without a slash at the end
	pid   int
}

// CPU is what it has had of the processors so far.
func (p *Process) CPU() (time.Duration, error) { return drive.CPU(p.pid) }

// Memory is how many bytes it has resident.
func (p *Process) Memory() (int, error) { return drive.Memory(p.pid) }

// System starts one of package system, by its name and what it is told besides, in a process of this very program.
func (s *Stage) System(args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{}
	return p, s.start(p, exec.Command(self, append([]string{SystemArgument}, args...)...), func(line string) bool {
		if _, err := netip.ParseAddrPort(line); err != nil {
			fmt.Fprintf(s.options.Say, "%s: %s\n", args[0], line)
			return false
		}
		p.Host = line
		return true
	})
}

// SystemArgument is the first argument of a process that is to be a system: the others are for system.Main.
const SystemArgument = "system"

// Culvert starts the real bridge with these environment variables (NAME=value).
func (s *Stage) Culvert(environment ...string) (*Process, error) {
	path, err := s.culvert()
	if err != nil {
		return nil, err
	}
	p := &Process{}
	cmd := exec.Command(path, "serve")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CULVERT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "CULVERT_LISTEN=127.0.0.1:0", "CULVERT_ADMIN_LISTEN=127.0.0.1:0", "CULVERT_ADMIN_PPROF=true", "CULVERT_LOG_FORMAT=json")
	cmd.Env = append(cmd.Env, environment...)
	return p, s.start(p, cmd, func(line string) bool {
		var told struct {
			Message string `json:"msg"`
			Level   string `json:"level"`
			URL     string `json:"url"`
			Admin   string `json:"admin"`
		}
		if json.Unmarshal([]byte(line), &told) != nil || told.Message != "listening" {
			if told.Level != "INFO" {
				fmt.Fprintln(s.options.Say, "culvert: "+line)
			}
			return false
		}
		p.Host, p.Admin = strings.TrimPrefix(told.URL, "http://"), told.Admin
		return true
	})
}

// start starts a process, gives its lines to listens until that is true, and returns then.
func (s *Stage) start(p *Process, cmd *exec.Cmd, listens func(line string) bool) error {
	output, write, err := os.Pipe()
	if err != nil {
		return err
	}
	input, life, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, write, write
	dieWithUs(cmd)
	err = cmd.Start()
	input.Close()
	write.Close()
	if err != nil {
		return err
	}
	p.pid = cmd.Process.Pid
	s.Defer(func() {
		life.Close()
		stop(cmd)
	})
	listening := make(chan bool, 1)
	go s.follow(output, listens, listening) // ends with the process
	select {
	case ok := <-listening:
		if !ok {
			return fmt.Errorf("%s ended", cmd)
		}
		return nil
	case <-time.After(30 * time.Second):
		return fmt.Errorf("%s does not say where it listens", cmd)
	}
}

// follow reads all that a process says. What it says once it listens is passed on: systems that go well are silent.
func (s *Stage) follow(output io.ReadCloser, listens func(line string) bool, listening chan<- bool) {
	defer output.Close()
	found := false
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if said := listens(lines.Text()); said && !found {
			found = true
			listening <- true
		}
	}
	if !found {
		listening <- false
	}
}

// stop ends a process that is not needed any more.
func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	_ = cmd.Wait()                          // killed, as asked
}

// build builds the bridge. The program goes with the run.
func (s *Stage) build() (string, error) {
	folder, err := os.MkdirTemp("", "culvert-bench-")
	if err != nil {
		return "", err
	}
	s.atExit = append(s.atExit, func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "culvert")
	cmd := exec.Command("go", "build", "-o", path, "culvert/cmd/culvert")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building culvert: %w\n%s", err, said)
	}
	return path, nil
}

// profiled does something while a profile of the bridge is made, where the run wants profiles.
func (s *Stage) profiled(ctx context.Context, p *Process, seconds time.Duration, do func() error) error {
	if s.options.Profile == "" || p.Admin == "" {
		return do()
	}
	return profile(ctx, p, filepath.Join(s.options.Profile, fileName(s.work)+".pprof"), seconds, do)
}
