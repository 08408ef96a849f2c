package domain_test

import (
	"regexp"
	"strings"
	"testing"

	"culvert/domain"
)

func FuzzNames(f *testing.F) {
	for _, s := range []string{"orders", "a.b-c_D9", ".", "..", "...", "", "ä", "a b", "a/b", strings.Repeat("x", 250)} {
		f.Add(s)
	}
	name := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	f.Fuzz(func(t *testing.T, s string) {
		valid := name.MatchString(s) && s != "." && s != ".."
		if _, err := domain.ParseTopic(s); (err == nil) != (valid && len(s) <= 249) {
			t.Errorf("topic %q: %v", s, err)
		}
		if _, err := domain.ParseQueue("t", s); (err == nil) != (valid && len(s) <= 100) {
			t.Errorf("queue %q: %v", s, err)
		}
	})
}

func TestTopicAndQueueTogether(t *testing.T) {
	topic := domain.Topic(strings.Repeat("t", 200))
	if _, err := domain.ParseQueue(topic, strings.Repeat("q", 40)); err != nil {
		t.Error(err)
	}
	if _, err := domain.ParseQueue(topic, strings.Repeat("q", 41)); domain.CodeOf(err) != domain.InvalidRequest {
		t.Errorf("241 characters: %v", err)
	}
}

func TestNamesAreRefusedWithAReason(t *testing.T) {
	// Of a letter beyond ASCII its first byte was named, as if that were a letter.
	for name, what := range map[string]string{"stock prices": "' ' at character 6", "größe": "'ö' at character 3"} {
		_, err := domain.ParseTopic(name)
		want := `invalid-request: topic name "` + name + `" has ` + what + `; letters, digits, '.', '_' and '-' are possible`
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestPatternsMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		topic   domain.Topic
		want    bool
	}{
		{"*", "a", true},
		{"b.*", "b.orders", true},
		{"b.*", "b.", true},
		{"b.*", "bxorders", false},
		{"b.*", "ab.orders", false},
		{"*.eu", "orders.eu", true},
		{"*.eu", "orders.eu.old", false},
		{"a*b*c", "a-b-b-c", true},
		{"a**c", "ac", true},
		{"orders", "orders", true},
		{"orders", "orders2", false},
	} {
		p, err := domain.ParsePattern(c.pattern)
		if err != nil || p.Matches(c.topic) != c.want {
			t.Errorf("%s, %s: %v, %v", c.pattern, c.topic, p.Matches(c.topic), err)
		}
	}
	for _, wrong := range []string{"", "..", "a?", "[a]*", `a\*`, "a b*", "ä*", strings.Repeat("*", 250)} {
		if _, err := domain.ParsePattern(wrong); domain.CodeOf(err) != domain.InvalidRequest {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// A pattern matches what a regular expression of the same meaning does.
func FuzzPatterns(f *testing.F) {
	f.Add("b.*", "b.orders")
	f.Add("a*b*c", "a-b-c")
	f.Add("-*", "--")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := domain.ParsePattern(pattern)
		topic, wrong := domain.ParseTopic(name)
		if err != nil || wrong != nil {
			return
		}
		want := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$").MatchString(name)
		if p.Matches(topic) != want {
			t.Errorf("%q, %q: %v, want %v", pattern, name, !want, want)
		}
	})
}
