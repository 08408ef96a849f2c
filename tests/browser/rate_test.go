package browser

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// A page takes 5,000 messages a second for 20 seconds, sees each in order, and goes on drawing.
func TestPagesKeepUp(t *testing.T) {
	const (
		rate    = 5000
		seconds = 20
	)
	p := open(t)
	b := bridge.StartUnraced(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	topic := brokers.Topic(t)
	events := b.URL + "/v1/topics/" + topic + "/events"
	pages := []*tab{
		p.tab("rate_eventsource.html", "url", events),
		p.tab("rate_view.html", "url", events, "client", script(b)),
	}
	for _, page := range pages {
		page.until("is ready", "ready")
		page.work()
	}

	begun := time.Now()
	pour(t, b.URL+"/v1/topics/"+topic+"/messages?results=summary", rate, rate*seconds)
	took := time.Since(begun)
	for _, page := range pages {
		page.until("has seen all", fmt.Sprintf("next === %d || faults.length", rate*seconds))
		for _, fault := range evaluate[[]string](page, "faults") {
			t.Errorf("%s: %s", page.name, fault)
		}
		work := page.work()
		t.Logf("%s: %d messages in %v; its thread worked for %v; longest pause between frames %.0f ms, slowest message %.0f ms", page.name, rate*seconds,
			took.Round(time.Millisecond), work.Round(time.Millisecond), evaluate[float64](page, "longest"), evaluate[float64](page, "slowest"))
		// How long frames take depends on what else the machine does. What the page itself has to do leaves it most of its time.
		if work > took/2 {
			t.Errorf("%s worked for %v of %v: it is not there for its user", page.name, work, took)
		}
	}
}

// work is how much processor time the page's thread has taken since this was first asked.
func (t *tab) work() time.Duration {
	t.t.Helper()
	metrics, err := chromedp.Run(t.ctx, func(ctx context.Context, _ *chromedp.Target) (performance.GetMetricsResult, error) {
		if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{}); err != nil {
			return performance.GetMetricsResult{}, err
		}
		return chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	})
	if err != nil {
		t.t.Fatal(err)
	}
	for _, m := range metrics.Metrics {
		if m.Name == "ThreadTime" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	t.t.Fatalf("Chromium does not tell ThreadTime: %v", metrics)
	return 0
}

// pour injects n numbered messages as one stream of lines, so many a second, all of which must be confirmed.
func pour(t *testing.T, url string, rate, n int) {
	t.Helper()
	lines, write := io.Pipe()
	// Ends with the last line, or when the request does, which closes the pipe.
	go func() { write.CloseWithError(number(t.Context(), write, rate, n)) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, lines)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	var summary struct{ Acked, Failed int }
	if err := client.Do(request, &summary); err != nil {
		t.Fatal(err)
	}
	if summary.Acked != n || summary.Failed != 0 {
		t.Errorf("of %d messages %d were confirmed, %d failed", n, summary.Acked, summary.Failed)
	}
}

// number writes the lines of n messages, each with its number and the time.
func number(ctx context.Context, to io.Writer, rate, n int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	for sent := 0; sent < n; {
		var lines []byte
		for due := min(n, int(time.Since(begun).Seconds()*float64(rate))); sent < due; sent++ {
			lines = fmt.Appendf(lines, `{"text":"%d %d"}`+"\n", sent, time.Now().UnixMilli())
		}
		if _, err := to.Write(lines); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
