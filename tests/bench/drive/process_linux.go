package drive

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is what the process has had of the processors so far, in user and kernel mode, of all its threads.
func CPU(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &t); err != nil {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// cpuclockSched is the kind of a process's clock that counts what the scheduler gave it (linux/posix-timers_types.h, CPUCLOCK_SCHED).
const cpuclockSched = 2

// Memory is how many bytes the process has resident.
func Memory(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm is %q", text)
	}
	pages, err := strconv.Atoi(string(fields[1]))
	return pages * os.Getpagesize(), err
}

// RaiseDescriptors lets this process, and those that it starts, have as many open files as the system allows, and says how many that is.
func RaiseDescriptors() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	const enough = 1 << 16
	if raised := (unix.Rlimit{Cur: enough, Max: enough}); limit.Max < enough && unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
		return enough, nil
	}
	limit.Cur = limit.Max
	return int(min(limit.Max, 1<<30)), unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}
