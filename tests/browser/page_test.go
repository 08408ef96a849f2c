package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// profile is a browser as one person has it: its tabs share connections, workers and storage, with those of no other profile.
type profile struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's handle of a profile is a context
	// origin is where its pages come from.
	origin string
	// foreign says that the bridge does not let its pages in, so that what Chromium says of that is no complaint of theirs.
	foreign bool
}

// open makes a profile, which goes with the test.
func open(t *testing.T) *profile {
	t.Helper()
	browser := chromium.start(t)
	// A tab that nobody looks at holds the profile, so that each of the others may be closed.
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &profile{t: t, ctx: ctx, origin: site(t)}
}

// site serves testdata, and beside it the browser client as a page's own server would have it, until the test ends.
func site(t *testing.T) (origin string) {
	t.Helper()
	pages := http.NewServeMux()
	pages.Handle("/", http.FileServer(http.Dir("testdata")))
	pages.HandleFunc("/culvert.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../adapters/edge/browser/culvert.js")
	})
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	return server.URL
}

// tab is one page.
type tab struct {
	t     *testing.T
	name  string
	ctx   context.Context //nolint:containedctx // chromedp's handle of a tab is a context
	close context.CancelFunc
	heard chan struct{} // closed when what the page said is told
}

// tab opens a page of testdata with these parameters, name and value in turn. What it complains of fails the test, but for the network's failures: those are the tests' doing.
func (p *profile) tab(page string, parameters ...string) *tab {
	p.t.Helper()
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Add(parameters[i], parameters[i+1])
	}
	t := p.blank(page + " " + query.Get("options"))
	if err := chromedp.Do(t.ctx, chromedp.Navigate(p.origin+"/"+page+"?"+query.Encode())); err != nil {
		p.t.Fatal(err)
	}
	return t
}

// blank opens a tab without a page.
func (p *profile) blank(name string) *tab {
	p.t.Helper()
	t := &tab{t: p.t, name: name, heard: make(chan struct{})}
	t.ctx, t.close = chromedp.NewContext(p.ctx)
	// What chromedp would be told of every message that comes over the network costs the page more than the message does.
	quiet := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Disable, cdp.Empty{})
		return err
	})
	if err := chromedp.Do(t.ctx, quiet); err != nil {
		t.close()
		p.t.Fatal(err)
	}
	said := chromedp.Console(t.ctx)
	// Ends with the tab.
	go func() {
		defer close(t.heard)
		for m, err := range said {
			if err == nil && complaint(m) && !(p.foreign && strings.Contains(m.Text, "blocked by CORS policy")) {
				p.t.Errorf("%s said: %s: %s (%s:%d)", name, m.Type, m.Text, m.URL, m.Line)
			}
		}
	}()
	p.t.Cleanup(t.end)
	return t
}

// complaint reports whether a page should not have said this.
func complaint(m chromedp.ConsoleMessage) bool {
	// A socket that fails is not of the network to Chromium, but of JavaScript.
	ofNetwork := m.Source == "network" || m.Source != "" && strings.HasPrefix(m.Text, "WebSocket connection to ")
	return (m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException || m.Type == "assert") && !ofNetwork
}

// end closes the tab, as its user would. A tab that is closed stays so.
func (t *tab) end() {
	t.close()
	<-t.heard
}

// evaluate is the value of an expression in the page; that of a promise is awaited.
func evaluate[T any](t *tab, expression string) T {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.t.Fatalf("%s: %s: %v", t.name, expression, err)
	}
	return value
}

// until waits until an expression holds in the page, and fails the test when it does not come.
func (t *tab) until(what, expression string) {
	t.t.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf("until(() => %s)", expression), chromedp.EvalAwaitPromise))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		t.t.Fatalf("not within %v: %s %s; it was shown %s", patience, t.name, what, evaluate[string](t, "`${shown.length}: ` + JSON.stringify(shown.slice(-3))"))
	case err != nil:
		t.t.Fatalf("%s %s: %v", t.name, what, err)
	}
}

// line is what a page was shown: the name of an event, its data, and the cursor that the page has then.
type line struct {
	Event  string
	Data   string
	Cursor string
}

// shown is what the page was shown so far.
func (t *tab) shown() []line {
	t.t.Helper()
	return evaluate[[]line](t, "shown")
}
