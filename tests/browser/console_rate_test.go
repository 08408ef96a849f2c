package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// The console shows 5,000 messages a second for 20 seconds, counts all, and stays there for its user; what it lets go of is told.
func TestConsoleKeepsUp(t *testing.T) {
	const (
		rate    = 5000
		seconds = 20
		frame   = 200 // ms
		memory  = 300 << 20
		kept    = 50_000
	)
	p := open(t)
	b := bridge.StartUnraced(t, "CULVERT_BROKER=inproc")
	topic := brokers.Topic(t)
	inject(t, b, topic, `{"messages":[{"text":"first"}]}`)
	// What a page must wait for a frame that only writes some lines, twenty times a second, is the machine's doing.
	idle := waiting(p.blank("idle"))
	evaluate[bool](idle, `(() => {
		const lines = Array.from({ length: 150 }, () => document.body.appendChild(document.createElement('div')))
		let n = 0
		setInterval(() => {
			for (const line of lines) line.textContent = 'line ' + n++
			document.body.offsetHeight
		}, 50)
		return true
	})()`)
	page := p.console(b, "view", "topic", topic, "from", "earliest", "on", "1")
	page.until("is live", "standing() === 'live' && count() === 1")
	for _, one := range []*tab{idle, page} {
		evaluate[bool](one, `(() => {
			let last = performance.now()
			window.longest = 0
			const next = now => { longest = Math.max(longest, now - last); last = now; requestAnimationFrame(next) }
			requestAnimationFrame(now => { last = now; next(now) })
			return true
		})()`)
	}
	page.work()
	pour(t, b.URL+"/v1/topics/"+topic+"/messages?results=summary", rate, rate*seconds)
	page.until("has counted all", fmt.Sprintf("count() === %d", rate*seconds+1))
	work, longest, nothing := page.work(), evaluate[float64](page, "longest"), evaluate[float64](idle, "longest")
	heap := page.metric("JSHeapUsedSize")
	t.Logf("longest pause between frames %.0f ms, on a page beside it that only writes lines %.0f ms; heap %.0f MiB; worked for %v", longest, nothing, heap/(1<<20), work.Round(time.Millisecond))
	if longest > frame+nothing {
		t.Errorf("a frame took %.0f ms, %.0f ms on a page that only writes lines", longest, nothing)
	}
	if heap > memory {
		t.Errorf("the page takes %.0f MiB", heap/(1<<20))
	}
	if work > seconds*time.Second/4 {
		t.Errorf("the page worked for %v of %d s", work, seconds)
	}
	if evaluate[bool](page, "performance.getEntriesByType('resource').some(({ name }) => name.includes('/events'))") {
		t.Error("the page reads the stream itself: to parse what comes in one piece costs it a frame")
	}
	page.until("follows the end", fmt.Sprintf("lines().some(cells => cells[2] === '%d')", rate*seconds))
	page.until("tells what it let go", fmt.Sprintf("said('.figures').includes('the oldest %s rows were let go')", "50,001"))
	lines := strings.Split(strings.TrimSpace(evaluate[string](page, "downloaded()")), "\n")
	if len(lines) != kept || !strings.Contains(lines[0], `"offset":50001,`) || !strings.Contains(lines[kept-1], fmt.Sprintf(`"offset":%d,`, rate*seconds)) {
		t.Errorf("%d lines were downloaded, from %.80s to %.80s", len(lines), lines[0], lines[len(lines)-1])
	}
}

// metric is a figure that Chromium keeps of the page.
func (t *tab) metric(name string) float64 {
	t.t.Helper()
	metrics, err := chromedp.Run(t.ctx, func(ctx context.Context, _ *chromedp.Target) (performance.GetMetricsResult, error) {
		return chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	})
	if err != nil {
		t.t.Fatal(err)
	}
	for _, m := range metrics.Metrics {
		if m.Name == name {
			return m.Value
		}
	}
	t.t.Fatalf("Chromium does not tell %s", name)
	return 0
}
