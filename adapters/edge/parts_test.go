package edge

import (
	"bytes"
	"errors"
	"strconv"
	"testing"
	"unique"

	"culvert/domain"
	"culvert/ports"
)

// named is an outlet that renders its name and the numbers of a batch.
type named struct {
	Outlet
	name     string
	rendered int
	err      error
}

func (n *named) Render(p *Parts, b ports.Batch) error {
	n.rendered++
	tail := append(p.Tail(), n.name...)
	for _, span := range b.Spans {
		tail = strconv.AppendInt(append(tail, ' '), int64(span.To), 10)
	}
	p.SetTail(tail)
	return n.err
}

func TestWhatLooksAlikeIsRenderedOnce(t *testing.T) {
	run, longer := &domain.Run{}, &domain.Run{}
	some := func(spans ...domain.Span) ports.Batch { return ports.Batch{Spans: spans} }
	first := some(domain.Span{Run: run, To: 2}, domain.Span{Run: longer, To: 3})
	a, b := unique.Make(Look{Name: "a"}), unique.Make(Look{Name: "b"})
	for name, c := range map[string]struct {
		as       Rendition
		then     ports.Batch
		rendered int
		want     string
	}{
		"the same":              {a, some(domain.Span{Run: run, To: 2}, domain.Span{Run: longer, To: 3}), 0, "a 2 3"},
		"of another look":       {b, first, 1, "b 2 3"},
		"of a look of its own":  {Rendition{}, first, 1, "b 2 3"},
		"less":                  {a, some(domain.Span{Run: run, To: 2}), 1, "b 2"},
		"another part of a run": {a, some(domain.Span{Run: run, From: 1, To: 2}, domain.Span{Run: longer, To: 3}), 1, "b 2 3"},
		"another run":           {a, some(domain.Span{Run: longer, To: 2}, domain.Span{Run: longer, To: 3}), 1, "b 2 3"},
		"a silence":             {a, ports.Batch{Mark: "somewhere"}, 1, "b"},
		"the viewer's own":      {a, some(domain.Span{Run: run, To: 2, Own: &domain.Cursor{}}), 1, "b 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var p Parts
			p.render(&named{name: "a"}, a, first)
			out := &named{name: "b"}
			for range 2 {
				all, size, err := p.render(out, c.as, c.then)
				if got := string(bytes.Join(all, nil)); got != c.want || size != len(got) || err != nil {
					t.Errorf("%q of %d bytes, %v; want %q", got, size, err, c.want)
				}
			}
			again := 0 // what only one viewer sees so is rendered whenever it is asked for
			if c.as == (Rendition{}) || !sharable(c.then) {
				again = c.rendered
			}
			if out.rendered != c.rendered+again {
				t.Errorf("rendered %d times", out.rendered)
			}
		})
	}
}

func TestTheErrorOfWhatLooksAlikeIsToldAgain(t *testing.T) {
	var p Parts
	as, batch := unique.Make(Look{Name: "a"}), ports.Batch{Spans: []domain.Span{{Run: &domain.Run{}, To: 1}}}
	out := &named{err: errors.New("no further")}
	for range 2 {
		if _, _, err := p.render(out, as, batch); err != out.err {
			t.Error(err)
		}
	}
	p.reset()
	if len(p.spans) != 0 || p.last != nil || p.rendition != (Rendition{}) {
		t.Error("something is held on to")
	}
}
