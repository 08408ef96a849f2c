package bridge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"culvert/tests/brokers"
)

// The process of a test that is killed runs TestMain with this in its environment.
const envDoomed = "CULVERT_TEST_DOOMED"

func TestMain(m *testing.M) {
	if folder := os.Getenv(envDoomed); folder != "" {
		doomed(folder)
	}
	os.Exit(m.Run())
}

// doomed does what Start does for a process and a folder, says so, and waits to be killed. The process holds the output open for as long as it lives.
func doomed(folder string) {
	process := exec.Command("sleep", "600")
	process.Stdout = os.Stdout
	if err := process.Start(); err != nil {
		panic(err)
	}
	if _, err := Outlive(killProcess, strconv.Itoa(process.Process.Pid)); err != nil {
		panic(err)
	}
	if _, err := Outlive(removeFolder, folder); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	select {}
}

// A test binary that timed out or was killed left its culvert running for good, and the folder of 40 MB in which it was built.
func TestNothingOutlivesATestThatIsKilled(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "built")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	test := exec.Command(os.Args[0])
	test.Env = append(os.Environ(), envDoomed+"="+folder)
	output, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	test.Stdout, test.Stderr = write, os.Stderr
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if _, err := output.Read(make([]byte, 100)); err != nil {
		t.Fatalf("it did not say that it is ready: %v", err)
	}
	if err := test.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = test.Wait() // killed, as asked

	if err := output.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 100)); !errors.Is(err, io.EOF) {
		t.Errorf("the process outlived the test: %v", err)
	}
	brokers.Eventually(t, 10*time.Second, "the folder is gone", func() bool {
		_, err := os.Stat(folder)
		return os.IsNotExist(err)
	})
}

// The folder of the built program went in the middle of a run: nobody held the pipe, so it was collected and closed.
func TestNothingGoesBeforeTheTestDoes(t *testing.T) {
	folder := t.TempDir()
	if _, err := Outlive(removeFolder, folder); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		runtime.GC()
		if _, err := os.Stat(folder); err != nil {
			t.Fatal("the folder went while this process lives")
		}
	}
}
