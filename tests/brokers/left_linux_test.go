package brokers_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
)

// envHold lets this test binary be one that holds a broker until it is killed.
const envHold = "CULVERT_TEST_HOLD_BROKER"

func TestRabbitMQLeavesNothingBehind(t *testing.T) {
	brokers.RabbitMQ(t) // ends the test where none can be had
	for name, end := range map[string]func(pid int) error{
		"its binary is killed": func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) },
		// A terminal that is closed, ^C, and a time limit speak to the whole group.
		"its group is told to finish": func(pid int) error {
			return errors.Join(syscall.Kill(-pid, syscall.SIGTERM), syscall.Kill(-pid, syscall.SIGHUP), syscall.Kill(-pid, syscall.SIGINT))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestHoldRabbitMQ$")
			cmd.Env = append(os.Environ(), envHold+"=1", "TMPDIR="+folder)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Stderr = os.Stderr
			input, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer input.Close()
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			url, err := bufio.NewReader(output).ReadString('\n')
			if err != nil {
				_ = cmd.Process.Kill()
				t.Fatalf("the binary that should hold a broker ended: %v", err)
			}
			dial(t, strings.TrimSpace(url))
			if len(startedIn(t, folder)) < 3 {
				t.Fatal("the processes of the broker are not seen, so that nothing could be seen of those left behind")
			}

			if err := end(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()

			brokers.Eventually(t, 20*time.Second, "all that was started has ended", func() bool { return len(startedIn(t, folder)) == 0 })
			left, err := os.ReadDir(folder)
			if err != nil || len(left) > 0 {
				t.Errorf("files are left behind: %v (%v)", left, err)
			}
			if _, err := amqp.Dial(strings.TrimSpace(url)); err == nil {
				t.Error("the broker still answers")
			}
		})
	}
}

// TestHoldRabbitMQ is the binary that TestRabbitMQLeavesNothingBehind kills.
func TestHoldRabbitMQ(t *testing.T) {
	if os.Getenv(envHold) == "" {
		t.Skip("a part of TestRabbitMQLeavesNothingBehind")
	}
	_, _ = os.Stdout.WriteString(brokers.StartRabbitMQ(t).URL() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startedIn gives the processes whose environment names folder as the place of temporary files.
func startedIn(t *testing.T, folder string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range all {
		environ, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if bytes.Contains(environ, []byte("TMPDIR="+folder+"\x00")) {
			found = append(found, path)
		}
	}
	return found
}
