package browser

import (
	"context"
	"net/url"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
)

// shell opens the console of a bridge at a place of it, on a screen that is so wide. What its policy refuses fails the test, as all does that the page complains of.
func (p *profile) shell(b *bridge.Bridge, place string, wide int64) *tab {
	p.t.Helper()
	t := p.blank("console " + place)
	before := chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: beforehand,
		}); err != nil {
			return err
		}
		// Each tab has the focus, as if it were the only one.
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	for _, do := range []chromedp.Action[chromedp.Void]{before, chromedp.EmulateViewport(wide, 800), chromedp.Navigate(b.Admin + "/" + place)} {
		if err := chromedp.Do(t.ctx, do); err != nil {
			p.t.Fatal(err)
		}
	}
	waiting(t)
	evaluate[bool](t, helpers)
	return t
}

// beforehand is what a page of the console is made to do before it does anything. It notes which documents it was answered with.
const beforehand = `
	addEventListener('securitypolicyviolation', e => console.error('the policy refused', e.violatedDirective, e.blockedURI, e.sourceFile + ':' + e.lineNumber))
	window.arrived = []
	window.fetch = (real => async (...asked) => {
		const answer = await real(...asked)
		if (/json/.test(answer.headers.get('Content-Type')) && !/ndjson/.test(answer.headers.get('Content-Type'))) {
			answer.clone().text().then(text => arrived.push([String(asked[0]), text]), () => {})
			if (arrived.length > 1000) arrived.shift()
		}
		return answer
	})(window.fetch)
`

// console opens the console of b at one of its panels, with these parameters, name and value in turn.
func (p *profile) console(b *bridge.Bridge, panel string, parameters ...string) *tab {
	p.t.Helper()
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Add(parameters[i], parameters[i+1])
	}
	return p.shell(b, "#/"+panel+"?"+query.Encode(), 1280)
}

// panelAt opens the console at a panel and what it is to show.
func panelAt(p *profile, b *bridge.Bridge, hash string) *tab {
	p.t.Helper()
	page := p.shell(b, "#/"+hash, 1280)
	page.until("shows its panel", "document.querySelector('main h1') !== null")
	return page
}
