package machine

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// NoLimit is a limit that nothing reaches.
const NoLimit = math.MaxInt64

// MemoryLimit is how many bytes this process shall have at most, and who says so. That is configured, where it is not 0; else GOMEMLIMIT; else nine tenths of what the control group of the
// process may have (Linux, version 2), as a container's limit is set, since the last tenth is the system's, for the process; else NoLimit.
func MemoryLimit(configured int) (bytes int64, by string) {
	if configured > 0 {
		return int64(configured), "limits.memory_bytes"
	}
	if limit := debug.SetMemoryLimit(-1); limit != NoLimit {
		return limit, "GOMEMLIMIT"
	}
	if limit := groupLimit(os.ReadFile); limit != NoLimit {
		return limit / 10 * 9, "the container"
	}
	return NoLimit, "nobody"
}

// groupLimit is the least that a control group of the process allows, up to the root of the tree that the process sees.
func groupLimit(read func(name string) ([]byte, error)) int64 {
	least := int64(NoLimit)
	groups, err := read("/proc/self/cgroup")
	if err != nil {
		return least
	}
	for line := range strings.Lines(string(groups)) {
		group, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !found {
			continue
		}
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			text, err := read(path.Join("/sys/fs/cgroup", group, "memory.max"))
			// It is "max" where there is no limit, and is not there at the root.
			if limit, unlimited := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && unlimited == nil {
				least = min(least, limit)
			}
			if group == "/" {
				break
			}
		}
	}
	return least
}
