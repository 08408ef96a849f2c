package brokers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// apt is for one of us at a time, and its lists are fetched once.
var apt struct {
	sync.Mutex
	updated bool
}

// installPackages installs the first of each list of alternatives that apt knows, where this is Debian or Ubuntu and we are root. Elsewhere it does nothing.
func installPackages(ctx context.Context, say io.Writer, wanted ...[]string) error {
	command, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	apt.Lock()
	defer apt.Unlock()
	// A machine that has just started is often busy with its own upgrades.
	const wait = "DPkg::Lock::Timeout=300"
	if !apt.updated {
		if err := runQuietly(ctx, command, "-o", wait, "update"); err != nil {
			return err
		}
		apt.updated = true
	}
	args := []string{"-o", wait, "install", "-y", "--no-install-recommends"}
	for _, alternatives := range wanted {
		args = append(args, firstKnown(ctx, alternatives))
	}
	fmt.Fprintf(say, "installing: apt-get %s\n", strings.Join(args, " "))
	return runQuietly(ctx, command, args...)
}

func firstKnown(ctx context.Context, alternatives []string) string {
	for _, name := range alternatives {
		if exec.CommandContext(ctx, "apt-cache", "show", "--no-all-versions", name).Run() == nil {
			return name
		}
	}
	return alternatives[0]
}

// runQuietly runs a command and shows what it said only where it failed.
func runQuietly(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, lastLines(out, 20))
	}
	return nil
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
