package machine

import (
	"os"
	"runtime"
	"testing"
)

func TestWhatTheProcessHas(t *testing.T) {
	before, known := OpenDescriptors()
	if !known {
		t.Skip("this system does not tell")
	}
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after, _ := OpenDescriptors(); after != before+1 {
		t.Errorf("with one more file open there are %d descriptors, before %d", after, before)
	}
	heap := Heap()
	block := make([]byte, 16<<20)
	if got := Heap(); got < heap+8<<20 {
		t.Errorf("the heap has %d bytes with a block of %d, %d without", got, len(block), heap)
	}
	runtime.KeepAlive(block)
}
