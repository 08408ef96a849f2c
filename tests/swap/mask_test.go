package swap

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// masks hide what differs from run to run, where it has the form that the protocol gives it. What has another form stays, and differs.
var masks = []struct {
	form *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`"stream":"s_[A-Za-z0-9_-]+"`), `"stream":"<stream>"`},
	{regexp.MustCompile(`"cursor":"[A-Za-z0-9_.~-]{8,}"`), `"cursor":"<cursor>"`},
	{regexp.MustCompile(`(?m)^id: [A-Za-z0-9_.~-]{8,}$`), `id: <id>`},
	{regexp.MustCompile(`"receipt":"[A-Za-z0-9_.~-]{4,}"`), `"receipt":"<receipt>"`},
	{regexp.MustCompile(`"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`), `"time":"<time>"`},
	{regexp.MustCompile(`("topic":"[^"]+"),"partition":\d+,"offset":\d+`), `$1,<position>`},
	{regexp.MustCompile(`"(partition|assigned|retry_ms)":\d+`), `"$1":<$1>`},
	{regexp.MustCompile(`"oldest_unsettled_ms":[1-9]\d*`), `"oldest_unsettled_ms":<ms>`},
	{regexp.MustCompile(`(?m)^retry: [1-9]\d*$`), `retry: <ms>`},
	{regexp.MustCompile(`"broker":"[^"]+"`), `"broker":"<broker>"`},
	{regexp.MustCompile(`"capabilities":\[[^\]]*\]`), `"capabilities":<capabilities>`},
	{regexp.MustCompile(`,\["culvert-dead-partition","\d+"\],\["culvert-dead-offset","\d+"\]`), `,<dead-position>`},
	{regexp.MustCompile(`\["culvert-dead-time","\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\]`), `["culvert-dead-time","<time>"]`},
}

// positioned is how an ack begins that tells its position.
var positioned = regexp.MustCompile(`(\{(?:"op":"ack",)?(?:"id":"[^"]*",)?)"partition":<partition>,"offset":\d+,("time":)`)

// unpositioned are the places of positions that a broker without receipt-position does not tell: never in an ack, and in queues as it likes.
var unpositioned = []struct {
	form *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(\{(?:"op":"ack",)?(?:"id":"[^"]*",)?)("time":)`), `$1<receipt-position>,$2`},
	{regexp.MustCompile(`("topic":"[^"]+"),"partition":null,"offset":null`), `$1,<position>`},
	{regexp.MustCompile(`(\["culvert-dead-topic","[^"]+"\]),(\["culvert-dead-time")`), `$1,<dead-position>,$2`},
}

// mask hides what differs from run to run, and shows what could not be seen. What tells positions looks the same with receipt-position and without it, where it is as declared.
func mask(text string, positions bool) string {
	for _, m := range masks {
		text = m.form.ReplaceAllString(text, m.with)
	}
	if positions {
		text = positioned.ReplaceAllString(text, `$1<receipt-position>,$2`)
	} else {
		for _, m := range unpositioned {
			text = m.form.ReplaceAllString(text, m.with)
		}
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = shown(line)
	}
	return strings.Join(lines, "\n")
}

// shown writes characters that no reader could see as Go does.
func shown(line string) string {
	var b strings.Builder
	for _, r := range line {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return strings.TrimRight(b.String(), " ")
}
