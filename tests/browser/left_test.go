package browser

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"culvert/tests/brokers"
)

// The process of a test that is killed runs TestMain with this in its environment.
const envDoomed = "CULVERT_TEST_DOOMED"

// doomed starts the browser, tells its folder, and waits to be killed.
func doomed(path string) {
	if err := chromium.run(path); err != nil {
		panic(err)
	}
	fmt.Println(chromium.folder)
	select {}
}

// A test that times out or is killed closes no browser.
func TestNothingOutlivesATestThatIsKilled(t *testing.T) {
	t.Parallel()
	test := exec.Command(os.Args[0])
	test.Env = append(os.Environ(), envDoomed+"="+brokers.Chromium(t))
	output, err := test.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	folder, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("it did not say that it is ready: %v", err)
	}
	if err := test.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, output)
	_ = test.Wait() // killed, as asked
	brokers.Eventually(t, patience, "the browser's folder is gone", func() bool {
		_, err := os.Stat(strings.TrimSpace(folder))
		return os.IsNotExist(err)
	})
}
