package browser

import (
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// Who sees the demo for the first time is told what to try, and each of it leads to where something is going on. It is told until that is hidden, and again when it is asked for.
func TestConsoleGuide(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.StartDemo(t)
	page := p.shell(b, "", 1280)
	page.until("says what to try", "said('.guide h2') === 'Welcome to the demo' && all('.guide a.button').length === 3")
	page.click(".guide a", "View prices")
	page.until("sees prices move", "said('.standing .state') === 'live' && all('.line.message').length > 10")
	evaluate[any](page, "history.back()")
	page.click(".guide a", "Open billing")
	page.until("sees that orders wait", "said('#panel-queues h1') === 'billing' && Number(said('[data-figure=lag]')) > 0")
	evaluate[any](page, "history.back()")
	page.click(".guide a", "Inject a price")
	page.click("main button", "Inject")
	page.until("has a price of its own confirmed", "said('[data-figure=confirmed] .value') === '1'")

	again := func() {
		t.Helper()
		if err := chromedp.Do(page.ctx, chromedp.Navigate(b.Admin+"/")); err != nil {
			t.Fatal(err)
		}
		waiting(page)
		evaluate[bool](page, helpers)
		page.until("has its topics", "all('#panel-topics tbody tr').length === 4")
	}
	again()
	page.until("has the guide still", "document.querySelector('.guide').checkVisibility()")
	evaluate[any](page, `document.querySelector('[aria-label="Hide the guide"]').click()`)
	page.until("has it hidden", "!document.querySelector('.guide').checkVisibility()")
	again()
	if evaluate[bool](page, "document.querySelector('.guide') !== null") {
		t.Error("the guide that was hidden is back")
	}
	evaluate[any](page, "document.querySelector('.shell .badge').click()")
	page.until("has it back", "document.querySelector('.guide')?.checkVisibility()")
}

// Where there is no topic yet, the command that the page shows makes the first one.
func TestConsoleFirstMessage(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	page := p.shell(b, "", 1280)
	page.until("shows a command", "said('.empty pre').startsWith('curl ')")
	brokers.Curl(t)
	if said, err := exec.CommandContext(t.Context(), "sh", "-c", evaluate[string](page, "said('.empty pre')")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	page.until("has its first topic", "said('#panel-topics tbody th') === 'hello'")
	page.click("#panel-topics tbody a", "View")
	page.until("shows its message", "said('.line.message .payload') === '{\"hello\":\"world\"}'")
}
