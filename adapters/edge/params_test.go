package edge

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"culvert/domain"
	"culvert/ports"
)

var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func viewOf(query, resume string) (View, bool, error) {
	p := QueryParams(query, domain.DefaultLimits())
	v, ended := p.View([]domain.Pattern{"orders"}, resume, domain.DefaultLimits(), testNow)
	return v, ended, p.Err()
}

// severalOf is a view of the topics that the query names.
func severalOf(query, resume string) (View, bool, error) {
	p := QueryParams(query, domain.DefaultLimits())
	v, ended := p.View(p.Topics(), resume, domain.DefaultLimits(), testNow)
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

func TestSeveralTopics(t *testing.T) {
	for query, want := range map[string]string{
		"topic=orders":                   "[orders]",
		"topic=b&topic=a&topic=b":        "[b a]",
		"topic=a*&topic=a&topic=*&r=2":   "[a* a *]",
		"topic=a.*&topic=a.%2A&topic=.*": "[a.* .*]",
	} {
		if v, _, err := severalOf(query, ""); err != nil || fmt.Sprint(v.Topics) != want {
			t.Errorf("%s: %v, %v, want %s", query, v.Topics, err, want)
		}
	}
	// A cursor need not know all of them, and may know others.
	for _, query := range []string{"topic=new&topic=orders", "topic=or*"} {
		if v, _, err := severalOf(query, cursorOf("orders", false)); err != nil || v.Resume == nil {
			t.Errorf("%s: %+v, %v", query, v, err)
		}
	}
	long := ""
	for i := range 190 {
		long += fmt.Sprintf("topic=a-topic-with-a-name-%d&", i)
	}
	for _, c := range []struct {
		query, resume string
		code          domain.Code
		says          string
	}{
		{"", "", domain.InvalidRequest, "say which topics"},
		{"topic=", "", domain.InvalidRequest, "is empty"},
		{"topic=a&topic=b/c", "", domain.InvalidRequest, `"b/c"`},
		{"topic=a[b]*", "", domain.InvalidRequest, "character 2"},
		{"topic=" + strings.Repeat("a", 250), "", domain.InvalidRequest, "at most 249"},
		{strings.Repeat("topic=a&", 200) + "topic=b", "", domain.InvalidRequest, "limits.parameters"},
		{long, "", domain.InvalidRequest, "190 topics do not fit into one cursor"},
		{"topic=new&topic=b*", cursorOf("orders", false), domain.InvalidCursor, "none of the 2 topics"},
	} {
		if _, _, err := severalOf(c.query, c.resume); domain.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60s: %v, want %s that says %q", c.query, err, c.code, c.says)
		}
	}
}

func TestWhatAClientComesBackWith(t *testing.T) {
	at := func(next int64) string {
		return domain.CursorOf("orders", domain.NewVector(9, domain.Place{Next: next})).String()
	}
	for _, c := range []struct {
		query, header string
		next          int64 // of the cursor; -1: none
		from          domain.Start
	}{
		{"from=earliest", "", -1, domain.StartEarliest()},
		{"from=" + at(3), "", 3, domain.StartLatest()},
		{"from=earliest&lastEventId=" + at(4), "", 4, domain.StartEarliest()},
		{"from=" + at(3) + "&lastEventId=" + at(4), "", 4, domain.StartLatest()},
		{"from=" + at(3) + "&lastEventId=" + at(4), at(5), 5, domain.StartLatest()},
		{"from=" + at(3) + "&lastEventId=", "", 3, domain.StartLatest()},
		{"from=-2", at(5), 5, domain.StartLast(2)},
	} {
		p := QueryParams(c.query, domain.DefaultLimits())
		v, _ := p.View([]domain.Pattern{"orders"}, p.LastEventID(http.Header{"Last-Event-Id": {c.header}}), domain.DefaultLimits(), testNow)
		next := int64(-1)
		if v.Resume != nil {
			next = v.Resume.Vector("orders").Next(0)
		}
		if err := p.Err(); err != nil || next != c.next || v.From != c.from {
			t.Errorf("%s with %q: from %+v, cursor at %d, %v", c.query, c.header, v.From, next, err)
		}
	}
}

func TestWhereAViewEnds(t *testing.T) {
	at := time.UnixMilli(1767366245000).UTC()
	for query, want := range map[string]func(domain.Stop) bool{
		"to=latest":                        func(s domain.Stop) bool { return s.Latest },
		"to=@1767366245000":                func(s domain.Stop) bool { return s.Time.Equal(at) },
		"to=@2026-01-02T15:04:05Z":         func(s domain.Stop) bool { return s.Time.Equal(at) },
		"to=@-15m":                         func(s domain.Stop) bool { return s.Time.Equal(testNow.Add(-15 * time.Minute)) },
		"to=" + cursorOf("orders", false):  func(s domain.Stop) bool { return s.Cursor.Vector("orders").Next(0) == 7 },
		"to=latest&from=earliest&limit=20": func(s domain.Stop) bool { return s.Latest },
	} {
		if v, ended, err := viewOf(query, ""); err != nil || ended || v.To == nil || !want(*v.To) {
			t.Errorf("%s: %+v, %v", query, v.To, err)
		}
	}
	if v, _, err := viewOf("limit=3", ""); err != nil || v.To != nil {
		t.Errorf("%+v, %v", v.To, err)
	}
}

func TestOnlyAnEndMarkWithToHasEnded(t *testing.T) {
	for _, to := range []string{"latest", "@1767366245000", "@-1h", cursorOf("orders", false)} {
		if _, ended, err := viewOf("to="+to, cursorOf("orders", true)); err != nil || !ended {
			t.Errorf("%s: %v, %v", to, ended, err)
		}
		if _, ended, err := viewOf("to="+to+"&from="+cursorOf("orders", true), ""); err != nil || !ended {
			t.Errorf("%s, in from: %v, %v", to, ended, err)
		}
		if _, ended, err := viewOf("to="+to+"&from="+cursorOf("orders", true), cursorOf("orders", false)); err != nil || ended {
			t.Errorf("%s, overruled: %v, %v", to, ended, err)
		}
	}
	// Who reads on is not at the end any more: the mark would come back with the cursors of a stream that is just being read.
	if v, ended, err := viewOf("limit=2", cursorOf("orders", true)); err != nil || ended || v.Resume.End {
		t.Errorf("%+v, %v, %v", v.Resume, ended, err)
	}
}

func TestOverflowPolicies(t *testing.T) {
	overflow := func(policy string, also ...ports.Overflow) (ports.Overflow, error) {
		p := QueryParams("overflow="+policy, domain.DefaultLimits())
		v, _ := p.View([]domain.Pattern{"orders"}, "", domain.DefaultLimits(), testNow, also...)
		return v.Overflow, p.Err()
	}
	for _, policy := range []string{"resume", "drop", "disconnect"} {
		for _, also := range [][]ports.Overflow{nil, {ports.OverflowLatest}} {
			if o, err := overflow(policy, also...); err != nil || string(o) != policy {
				t.Errorf("%s: %s, %v", policy, o, err)
			}
		}
	}
	if o, err := overflow("latest-by-key", ports.OverflowLatest); err != nil || o != ports.OverflowLatest {
		t.Errorf("%s, %v", o, err)
	}
	for _, c := range []struct {
		policy string
		also   []ports.Overflow
		says   string
	}{
		{"latest-by-key", nil, "overflow=latest-by-key is possible on a WebSocket; here it is one of resume, drop, disconnect"},
		{"newest", nil, `overflow="newest" is none of resume, drop, disconnect`},
		{"newest", []ports.Overflow{ports.OverflowLatest}, `overflow="newest" is none of resume, drop, disconnect, latest-by-key`},
		{"", nil, `overflow="" is none of`},
	} {
		if _, err := overflow(c.policy, c.also...); domain.CodeOf(err) != domain.InvalidRequest || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.policy, err)
		}
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
		{"to=", "", domain.InvalidRequest, "none of latest"},
		{"to=earliest", "", domain.InvalidRequest, "none of latest"},
		{"to=-5", cursorOf("orders", true), domain.InvalidRequest, "none of latest"},
		{"to=@soon", "", domain.InvalidRequest, "is no time"},
		{"to=latest&to=@0", "", domain.InvalidRequest, "to is there 2 times"},
		{"to=" + cursorOf("orders", false) + "x", "", domain.InvalidCursor, "cursor"},
		{"to=" + cursorOf("others", false), "", domain.InvalidCursor, "another topic"},
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
		p.Mode("billing")
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
		"mode=both": domain.InvalidRequest, "ack=yes": domain.InvalidRequest, "max_in_flight=0": domain.InvalidRequest,
		"max_in_flight=10001": domain.InvalidRequest, "limit=1": domain.InvalidRequest, "from=" + cursorOf("others", false): domain.InvalidCursor,
	} {
		if _, _, err := join(query); domain.CodeOf(err) != code {
			t.Errorf("%s: %v, want %s", query, err, code)
		}
	}
}

func TestFieldsOfAFrameAreParameters(t *testing.T) {
	limits := domain.DefaultLimits()
	frame := func(text string) (View, error) {
		var o Object
		if err := o.Parse([]byte(text)); err != nil {
			return View{}, err
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

func TestTopicsOfAFrame(t *testing.T) {
	limits := domain.DefaultLimits()
	decode := func(text string) ([]domain.Pattern, error) {
		var o Object
		if err := o.Parse([]byte(text)); err != nil {
			return nil, err
		}
		return DecodeTopics(&o, limits)
	}
	for text, want := range map[string]string{
		`{}`:                                     "[]",
		`{"topic":"orders"}`:                     "[orders]",
		`{"topic":"b.*"}`:                        "[b.*]",
		`{"topic":["orders","b.*","orders"]}`:    "[orders b.*]",
		`{"topic":[ "\u006frders" , "orders" ]}`: "[orders]",
	} {
		if got, err := decode(text); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		`{"topic":[]}`:             "topic is an empty list",
		`{"topic":""}`:             "is empty",
		`{"topic":7}`:              "topic: this must be a string",
		`{"topic":true}`:           "topic: this must be a string",
		`{"topic":null}`:           "topic: this must be a string",
		`{"topic":["a",7]}`:        "topic: this must be a string",
		`{"topic":[["a"]]}`:        "topic: this must be a string",
		`{"topic":["a","b c"]}`:    `"b c"`,
		`{"topic":["a","\ud800"]}`: "surrogate",
		`{"topic":[` + strings.Repeat(`"a",`, limits.Parameters) + `"a"]}`: "limits.parameters",
	} {
		if _, err := decode(text); domain.CodeOf(err) != domain.InvalidRequest || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("topic=orders&from=latest&key=a", "")
	f.Add("topic=orders&from="+url.QueryEscape("@-15m")+"&header=a:b&to=latest", cursorOf("orders", true))
	f.Add("topic=a&topic=or*&to="+cursorOf("orders", false)+"&overflow=drop", cursorOf("orders", false))
	f.Fuzz(func(t *testing.T, query, resume string) {
		v, ended, err := severalOf(query, resume)
		switch {
		case err != nil:
			if code := domain.CodeOf(err); code != domain.InvalidRequest && code != domain.InvalidCursor {
				t.Fatalf("%v", err)
			}
			return
		case len(v.Topics) == 0, ended && (v.To == nil || !v.Resume.End), !ended && v.Resume != nil && v.Resume.End:
			t.Fatalf("%+v", v)
		}
		for i, topic := range v.Topics {
			if _, err := domain.ParsePattern(string(topic)); err != nil || slices.Contains(v.Topics[:i], topic) {
				t.Fatalf("%q: %v", v.Topics, err)
			}
		}
		for _, c := range []*domain.Cursor{v.Resume, stopCursor(v.To)} {
			if c != nil && !c.Shares(v.Topics) {
				t.Fatalf("%+v of %q", c, v.Topics)
			}
		}
		if v.Resume == nil { // what a client is sent away with can be read
			if _, err := domain.ParseCursor(v.Place(testNow).String()); err != nil {
				t.Fatalf("%q: %v", v.Topics, err)
			}
		}
	})
}

func stopCursor(to *domain.Stop) *domain.Cursor {
	if to == nil {
		return nil
	}
	return to.Cursor
}

// FuzzTopics holds that a topic in a frame is read as the same one in a URL.
func FuzzTopics(f *testing.F) {
	for _, seed := range []string{"orders", "b.*", "", "..", "a b", "é", "*", "\x00"} {
		f.Add(seed, "a")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if !utf8.ValidString(first) || !utf8.ValidString(second) {
			t.Skip("neither takes what is no text")
		}
		limits := domain.DefaultLimits()
		p := QueryParams(url.Values{"topic": {first, second}}.Encode(), limits)
		want := p.Topics()
		text := AppendString([]byte(`{"topic":[`), first)
		text = append(AppendString(append(text, ','), second), "]}"...)
		var o Object
		if err := o.Parse(text); err != nil {
			t.Fatal(err)
		}
		got, err := DecodeTopics(&o, limits)
		if fmt.Sprint(err) != fmt.Sprint(p.Err()) || err == nil && !slices.Equal(got, want) {
			t.Fatalf("%q, %v; in a URL %q, %v", got, err, want, p.Err())
		}
	})
}
