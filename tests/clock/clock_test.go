package clock_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"culvert/tests/brokers"
	"culvert/tests/clock"
)

// The process whose clock jumps runs TestMain with this in its environment.
const envTeller = "CULVERT_TEST_TELLER"

func TestMain(m *testing.M) {
	if os.Getenv(envTeller) != "" {
		tell()
		return
	}
	os.Exit(m.Run())
}

// tell answers each line with the time by its wall clock, in milliseconds, and what its monotonic clock has counted since it began.
func tell() {
	begun := time.Now()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		now := time.Now()
		fmt.Println(now.UnixMilli(), now.Sub(begun).Milliseconds())
	}
}

func TestAhead(t *testing.T) {
	teller := exec.Command(os.Args[0])
	teller.Env = append(os.Environ(), envTeller+"=1")
	ask, err := teller.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := teller.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := teller.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		ask.Close()
		if err := teller.Wait(); err != nil {
			t.Error(err)
		}
	}()
	lines := bufio.NewReader(answers)
	for _, by := range []time.Duration{0, time.Hour, 0, -2 * time.Hour} {
		if err := clock.Ahead(teller.Process.Pid, by); errors.Is(err, clock.ErrUnsupported) {
			brokers.Without(t, "clock that jumps", err)
		} else if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(ask)
		var wall, counted int64
		if _, err := fmt.Fscan(lines, &wall, &counted); err != nil {
			t.Fatal(err)
		}
		if off := time.Until(time.UnixMilli(wall)) - by; off.Abs() > time.Minute || counted < 0 || counted > time.Minute.Milliseconds() {
			t.Errorf("set %s ahead the clock is %s off; the monotonic one has counted %d ms", by, off, counted)
		}
	}
}
