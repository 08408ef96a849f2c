package browser

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// pictures are the panels as docs/img shows them: where each is, what is done there, and what it shall show. They are made in this order, and the page of each stays: how long answers took is shown while nothing else
// goes on, and who is connected when there are some.
var pictures = []struct{ panel, place, does, shows string }{
	{
		"inject", "#/inject?topic=prices&key=GOOG&header=source%3Aconsole&send=many&count=12", "document.querySelector('main form').requestSubmit()",
		"said('[data-figure=confirmed] .value') === '12' && all('.frames .got').length > 3 && said('main [role=status].state') === 'connected'",
	},
	{"topics", "#/topics", "", "rates('Rate') && all('tbody tr').length === 4"},
	{"queues", "#/queues?topic=orders&queue=shipping", "", "all('[aria-label=\"Dead letters\"] tbody tr').length > 4"},
	{"health", "#/health", "", "drawn('.chart') && document.querySelector('tbody tr') !== null"},
	{
		"view", "#/view?topic=prices&on=1", "",
		// With charts that have some history a message is chosen where a tombstone is in sight, so that the list stays there.
		"choose() && document.querySelector('.details .json') !== null",
	},
	{"connections", "#/connections", "", "all('#panel-connections tbody tr').length > 5 && all('#panel-connections td.number').some(cell => /[1-9].*\\/s/.test(cell.textContent))"},
}

// ofPictures is what shows and does are written with.
const ofPictures = `
	window.rates = () => all('tbody td[data-label=Rate]').filter(cell => /[1-9]/.test(cell.textContent)).length > 1
	window.drawn = charts => all(charts).every(chart => chart.lastChild.getAttribute('d').split('L').length > 30)
	window.chosen = false
	window.choose = () => {
		if (chosen || !drawn('.charts .chart')) return chosen
		const { top, bottom } = document.querySelector('.list').getBoundingClientRect()
		const lines = all('.line').filter(line => !line.hidden && line.getBoundingClientRect().top > top + 90 && line.getBoundingClientRect().bottom < bottom)
		if (!lines.some(line => line.matches('.delete'))) return false
		lines.find(line => line.matches('.message')).click()
		return chosen = true
	}
`

// The pictures of the console are those of its demo, made anew by go tool task screenshots. They have the fonts of the machine that makes them.
func TestScreenshots(t *testing.T) {
	if os.Getenv("CULVERT_SCREENSHOTS") != "1" {
		t.Skip("the pictures are made by go tool task screenshots")
	}
	const wide, high, scale = 1280, 800, 2
	b := bridge.StartDemo(t, "CULVERT_LISTEN=127.0.0.1:8080", "CULVERT_ADMIN_LISTEN=127.0.0.1:8081")
	for _, topic := range []string{"prices", "prices", "orders"} {
		viewer, err := client.OpenSSE(t.Context(), b.URL+"/v1/topics/"+topic+"/events", "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(viewer.Close)
	}
	work(t, b, "orders")
	folder := filepath.Join("..", "..", "docs", "img")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, picture := range pictures {
		tab := open(t).shell(b, picture.place, wide) // a window each, or those behind it would wait until somebody looks at them
		if err := chromedp.Do(tab.ctx, chromedp.EmulateViewport(wide, high, chromedp.EmulateScale(scale))); err != nil {
			t.Fatal(err)
		}
		evaluate[any](tab, ofPictures+picture.does)
		brokers.Eventually(t, 3*time.Minute, picture.panel+" has something to show", func() bool { return evaluate[bool](tab, picture.shows) })
		for _, scheme := range []string{"light", "dark"} {
			path := filepath.Join(folder, fmt.Sprintf("console-%s-%s.png", picture.panel, scheme))
			if err := os.WriteFile(path, tab.picture(scheme), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// picture is what the tab shows in a colour scheme, as a PNG that is as small as can be.
func (t *tab) picture(scheme string) []byte {
	t.t.Helper()
	take := func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}
	if err := chromedp.Do(t.ctx, chromedp.Func(take)); err != nil {
		t.t.Fatal(err)
	}
	shot, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.t.Fatal(err)
	}
	shown, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, indexed(shown)); err != nil {
		t.t.Fatal(err)
	}
	return small.Bytes()
}

// indexed is an image in its 256 most frequent colours, which for a page is no difference that one sees, and takes half the bytes.
func indexed(shown image.Image) *image.Paletted {
	box := shown.Bounds()
	counts := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(shown.At(x, y)).(color.RGBA) }
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int { return counts[b] - counts[a] })
	var few color.Palette
	for _, c := range colours[:min(256, len(colours))] {
		few = append(few, c)
	}
	nearest := make(map[color.RGBA]uint8, len(colours))
	for _, c := range colours {
		nearest[c] = uint8(few.Index(c))
	}
	small := image.NewPaletted(box, few)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			small.SetColorIndex(x, y, nearest[at(x, y)])
		}
	}
	return small
}
