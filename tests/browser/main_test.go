package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"culvert/tests/brokers"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(envDoomed); path != "" {
		doomed(path)
	}
	code := m.Run()
	if err := chromium.end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	// sarama counts with go-metrics, whose one clock goroutine lives as long as the process.
	if err := goleak.Find(goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// chromium is the one of all tests.
var chromium process

// process is a Chromium without a window. It ends when its pipe closes, which happens at the latest when this process ends, however that does.
type process struct {
	once   sync.Once
	ctx    context.Context //nolint:containedctx // chromedp's handle of a browser is a context
	err    error
	folder string
}

// whileItRuns runs "$@" and removes the folder $1 behind it, in which a process of it that ends later may still write. The browser's pipe is for the browser alone: its end is told to nobody who
// holds it open.
const whileItRuns = `trap '' HUP INT TERM
folder=$1
shift
"$@" &
exec 3<&- 4>&-
wait
rm -rf "$folder" 2>/dev/null || { sleep 1; rm -rf "$folder"; }`

// start gives the browser, which it starts when it is first called.
func (p *process) start(t *testing.T) context.Context {
	t.Helper()
	path := brokers.Chromium(t)
	p.once.Do(func() { p.err = p.run(path) })
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.ctx
}

func (p *process) run(path string) (err error) {
	if p.folder, err = os.MkdirTemp("", "culvert-chromium-"); err != nil {
		return err
	}
	shell, err := exec.LookPath("sh")
	if err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(p.folder),
		chromedp.NoSandbox,        // root has none, nor have containers, and the pages are ours
		chromedp.IgnoreCertErrors, // certificates are the tests' own
		// The page that each window has for what drops down from its address bar costs as much as ours, and nobody sees it.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,WebUIOmniboxPopup,WebUIOmniboxAimPopup"),
		// The process that we start is a shell.
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.Args = append([]string{shell, "-c", whileItRuns, "while-it-runs", p.folder}, cmd.Args...)
			cmd.Path = shell
		}),
	)
	allocator, _ := chromedp.NewExecAllocator(context.Background(), options...)
	p.ctx, _ = chromedp.NewContext(allocator)
	if err := chromedp.Do(p.ctx); err != nil {
		return fmt.Errorf("starting Chromium: %w", err)
	}
	return nil
}

// end closes the browser, where one was started, and returns when it is gone.
func (p *process) end() error {
	if p.ctx == nil || p.err != nil {
		return nil
	}
	return chromedp.Cancel(p.ctx)
}
