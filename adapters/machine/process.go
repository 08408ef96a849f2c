package machine

import (
	"os"
	"runtime/metrics"
)

// Heap is how many bytes the objects of the program have, garbage that was not collected yet included.
func Heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// OpenDescriptors is how many descriptors this process has open; false where the system does not tell.
func OpenDescriptors() (int, bool) {
	folder, err := os.Open("/dev/fd") // of this process alone, where there is one
	if err != nil {
		return 0, false
	}
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return 0, false
	}
	return max(len(names)-1, 0), true // but for the folder's own
}
