package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"culvert/domain"
)

var goog = Fixed{Key: []byte("GOOG"), Headers: []domain.Header{{Name: "type", Value: []byte("alert")}}}

func TestAViewKeepsToWhatIsFixed(t *testing.T) {
	r := httptest.NewRequestWithContext(WithFixed(t.Context(), goog), http.MethodGet, "/x?header=a:b&limit=3", nil)
	p := RequestParams(r, domain.DefaultLimits())
	v, _ := p.View([]domain.Pattern{"prices"}, "", domain.DefaultLimits(), testNow)
	if err := p.Err(); err != nil || v.Limit != 3 {
		t.Fatalf("%+v, %v", v, err)
	}
	if len(v.Keys) != 1 || string(v.Keys[0]) != "GOOG" || len(v.Headers) != 2 || v.Headers[0].Name != "type" || v.Headers[1].Name != "a" {
		t.Errorf("%+v", v)
	}
	if len(goog.Headers) != 1 {
		t.Error("what is fixed has changed")
	}
	p = QueryParams("key=AAPL", domain.DefaultLimits()).Fix(goog)
	p.View([]domain.Pattern{"prices"}, "", domain.DefaultLimits(), testNow)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), `the parameter "key" is unknown here; known are from, header, limit, overflow, to`) {
		t.Errorf("another key: %v", err)
	}
}

func TestAViewOfWhichNothingIsFixed(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x?key=a&key=b", nil)
	p := RequestParams(r, domain.DefaultLimits())
	if v, _ := p.View([]domain.Pattern{"prices"}, "", domain.DefaultLimits(), testNow); p.Err() != nil || len(v.Keys) != 2 || v.Headers != nil {
		t.Errorf("%+v, %v", v, p.Err())
	}
	if (Fixed{}).Filters() || !goog.Filters() || !(Fixed{Headers: goog.Headers}).Filters() || !(Fixed{Key: []byte{}}).Filters() {
		t.Error("what filters and what does not")
	}
}

func TestAPubHasTheFixedKey(t *testing.T) {
	for _, c := range []struct {
		pub       string
		tombstone bool
		refused   string
	}{
		{`{"text":"a"}`, false, ""},
		{`{"text":"a","key":null}`, false, ""},
		{`{"text":"a","key":"GOOG"}`, false, ""},
		{`{"text":"a","key64":"R09PRw=="}`, false, ""},
		{`{"payload":null}`, true, ""}, // the key that a tombstone needs is there
		{`{"text":"a","key":"AAPL"}`, false, `the key is "GOOG" on this URL, not "AAPL"; it may be left out`},
		{`{"text":"a","key":""}`, false, `the key is "GOOG" on this URL, not ""; it may be left out`},
	} {
		var o Object
		if err := o.Parse([]byte(c.pub)); err != nil {
			t.Fatal(err)
		}
		p, err := DecodePub(&o, goog)
		switch {
		case c.refused != "":
			if domain.CodeOf(err) != domain.InvalidRequest || domain.AsError(err).Detail != c.refused {
				t.Errorf("%s: %v", c.pub, err)
			}
		case err != nil || string(p.Message.Key) != "GOOG" || p.Message.Tombstone() != c.tombstone || p.Message.Headers != nil:
			t.Errorf("%s: %+v, %v", c.pub, p.Message, err)
		}
	}
}

func TestReach(t *testing.T) {
	none, one, all := t.Context(), Reaching(t.Context(), "a"), ReachingAll(t.Context())
	if Reaches(none, "a") || Reaches(none, "") || !Reaches(one, "a") || Reaches(one, "b") || !Reaches(all, "b") {
		t.Error("which topics are reached")
	}
	if ReachesAll(none) || ReachesAll(one) || !ReachesAll(all) {
		t.Error("who reaches all")
	}
}
