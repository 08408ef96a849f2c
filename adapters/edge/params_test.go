package edge

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func viewOf(query, resume string) (ports.View, bool, error) {
	p := QueryParams(query, domain.DefaultLimits())
	v, ended := p.View([]domain.Pattern{"orders"}, resume, domain.DefaultLimits(), testNow)
	return v, ended, p.Err()
}

func cursorOf(topic domain.Topic, end bool) string {
	c := domain.CursorOf(topic, domain.NewVector(9, domain.Place{Partition: 0, Next: 7}))
	c.End = end
	return c.String()
}

func TestParametersOfAView(t *testing.T) {
	v, _, err := viewOf("from=-5&limit=10&key=a&key=&header=h:v%3Aw&header=i:&overflow=drop&_=1&r=2&t=3&padding=xxxx", "")
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := v.From.Last(); !ok || n != 5 || v.Limit != 10 || v.Overflow != ports.OverflowDrop || !slices.Equal(v.Topics, []domain.Pattern{"orders"}) || v.Resume != nil {
		t.Errorf("%+v", v)
	}
	if fmt.Sprintf("%q", v.Keys) != `["a" ""]` || fmt.Sprintf("%q", v.Headers) != `[{"h" "v:w"} {"i" ""}]` {
		t.Errorf("keys %q, headers %q", v.Keys, v.Headers)
	}
	if v, _, err = viewOf("", ""); err != nil || !v.From.Latest() || v.Overflow != ports.OverflowDefault || v.Limit != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if v, _, err = viewOf("from=@-15m", ""); err != nil {
		t.Error(err)
	} else if at, ok := v.From.Time(); !ok || !at.Equal(testNow.Add(-15*time.Minute)) {
		t.Errorf("from %v", at)
	}
}

func TestACursorWinsOverFrom(t *testing.T) {
	v, _, err := viewOf("from=earliest", cursorOf("orders", false))
	if err != nil || v.Resume == nil || v.Resume.Vector("orders").Next(0) != 7 || !v.From.Earliest() {
		t.Errorf("%+v, %v", v, err)
	}
	v, _, err = viewOf("from="+cursorOf("orders", false), "")
	if err != nil || v.Resume == nil || !v.From.Latest() {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestOnlyAnEndMarkWithToHasEnded(t *testing.T) {
	if _, ended, err := viewOf("to=latest", cursorOf("orders", true)); err != nil || !ended {
		t.Errorf("%v, %v", ended, err)
	}
	if _, ended, err := viewOf("limit=2", cursorOf("orders", true)); err != nil || ended {
		t.Errorf("%v, %v", ended, err)
	}
}

func TestParametersThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		query, resume string
		code          domain.Code
		says          string
	}{
		{"form=latest", "", domain.InvalidRequest, `"form" is unknown here; known are from, header, key, limit, overflow, to`},
		{"From=latest", "", domain.InvalidRequest, `"From" is unknown`},
		{"ack=auto", "", domain.InvalidRequest, `"ack" is unknown`},
		{"from=latest&from=earliest", "", domain.InvalidRequest, "from is there 2 times"},
		{"from=", "", domain.InvalidRequest, "from="},
		{"from=yesterday", "", domain.InvalidRequest, "none of latest"},
		{"limit=0", "", domain.InvalidRequest, "limit="},
		{"limit=1.5", "", domain.InvalidRequest, "limit="},
		{"limit=9999999999999999999", "", domain.InvalidRequest, "limit="},
		{"header=h", "", domain.InvalidRequest, "name:value"},
		{"header=:v", "", domain.InvalidRequest, "name:value"},
		{"overflow=resume-please", "", domain.InvalidRequest, "none of resume, drop, disconnect"},
		{"overflow=latest-by-key", "", domain.Unsupported, "latest-by-key"},
		{"to=latest", "", domain.Unsupported, "to is not supported"},
		{"to=latest", cursorOf("orders", false), domain.Unsupported, "to is not supported"},
		{"key=%ff", "", domain.InvalidRequest, "UTF-8"},
		{"key=%zz", "", domain.InvalidRequest, "query cannot be read"},
		{"key=a;b", "", domain.InvalidRequest, "query cannot be read"},
		{"key=" + strings.Repeat("k", 5000), "", domain.InvalidRequest, "limits.key_bytes"},
		{strings.Repeat("&", 300), "", domain.InvalidRequest, "limits.parameters"},
		{"", "nonsense", domain.InvalidCursor, "cursor"},
		{"", cursorOf("others", false), domain.InvalidCursor, "another topic"},
		{"from=" + cursorOf("others", false), "", domain.InvalidCursor, "another topic"},
	} {
		t.Run(c.query, func(t *testing.T) {
			_, _, err := viewOf(c.query, c.resume)
			if err == nil || domain.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %s that says %q", err, c.code, c.says)
			}
		})
	}
}

func TestParametersOfAJoin(t *testing.T) {
	limits := domain.DefaultLimits()
	join := func(query string) (ports.Join, Ack, error) {
		p := QueryParams(query, limits)
		p.Mode()
		j, ack := p.Join("orders", "billing", limits, testNow)
		return j, ack, p.Err()
	}
	j, ack, err := join("")
	if err != nil || j.From != nil || j.MaxInFlight != 16 || ack != AckAuto {
		t.Errorf("%+v, %s, %v", j, ack, err)
	}
	j, ack, err = join("from=latest&mode=join&ack=manual&max_in_flight=3")
	if err != nil || j.From == nil || !j.From.Latest() || j.MaxInFlight != 3 || ack != AckManual {
		t.Errorf("%+v, %s, %v", j, ack, err)
	}
	j, _, err = join("from=" + cursorOf("orders", false))
	if err != nil || j.From == nil || j.From.Vector().Next(0) != 7 {
		t.Errorf("%+v, %v", j, err)
	}
	for query, code := range map[string]domain.Code{
		"mode=peek": domain.Unsupported, "mode=both": domain.InvalidRequest, "ack=yes": domain.InvalidRequest, "max_in_flight=0": domain.InvalidRequest,
		"max_in_flight=10001": domain.InvalidRequest, "limit=1": domain.InvalidRequest, "from=" + cursorOf("others", false): domain.InvalidCursor,
	} {
		if _, _, err := join(query); domain.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", query, err, code)
		}
	}
}

func TestFieldsOfAFrameAreParameters(t *testing.T) {
	limits := domain.DefaultLimits()
	frame := func(text string) (ports.View, error) {
		var o Object
		if err := o.Parse([]byte(text)); err != nil {
			return ports.View{}, err
		}
		p := FrameParams(&o, limits, "op", "sub", "topic")
		v, _ := p.View([]domain.Pattern{"orders"}, "", limits, testNow)
		return v, p.Err()
	}
	v, err := frame(`{"op":"sub","sub":"a","topic":"orders","from":"-3","key":["a","é"],"header":"h:v","limit":7}`)
	if err != nil || v.Limit != 7 || fmt.Sprintf("%s", v.Keys) != "[a é]" || len(v.Headers) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	for text, says := range map[string]string{
		`{"op":"sub","form":"x"}`:                              "known are from, header, key, limit, op, overflow, sub, to, topic",
		`{"op":"sub","from":null}`:                             "from: this must be",
		`{"op":"sub","key":[1]}`:                               "key: each of the list",
		`{"op":"sub","key":{}}`:                                "key: this must be",
		`{"op":"sub","limit":true,"limit2":1}`:                 "limit2",
		`{"op":"sub","from":["latest","earliest"]}`:            "2 times",
		`{"key":[` + strings.Repeat(`"a",`, 300) + `"b"]}`:     "limits.parameters",
		`{"op":"sub","from":"` + strings.Repeat("x", 9) + `"}`: "none of latest",
	} {
		if _, err := frame(text); domain.CodeOf(err) != domain.InvalidRequest || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("from=latest&key=a", "")
	f.Add("from="+url.QueryEscape("@-15m")+"&header=a:b&to=latest", cursorOf("orders", true))
	f.Fuzz(func(t *testing.T, query, resume string) {
		v, ended, err := viewOf(query, resume)
		switch {
		case err != nil:
			if code := domain.CodeOf(err); code != domain.InvalidRequest && code != domain.InvalidCursor && code != domain.Unsupported {
				t.Fatalf("%v", err)
			}
		case v.Resume != nil && v.Resume.Vector("orders") == nil, ended && !v.Resume.End:
			t.Fatalf("%+v", v)
		}
	})
}
