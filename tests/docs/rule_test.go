package docs

import (
	"slices"
	"strings"
	"testing"
)

func TestBlocksAreFound(t *testing.T) {
	blocks, err := parse("page.md", "# A\n\n<!-- not run: takes an hour -->\n\n```sh\nsleep 3600\n```\n\n1. b\n\n   ```js\n   // a.mjs\n   1\n   ```\n```\nshown\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) != 3 {
		t.Fatalf("got %+v", blocks)
	}
	if b := blocks[0]; b.language != "sh" || b.mark != notRun || b.reason != "takes an hour" || b.at() != "page.md:5" || b.text() != "sleep 3600\n" {
		t.Errorf("the first is %+v", b)
	}
	if b := blocks[1]; b.language != "js" || b.mark != "" || b.file() != "a.mjs" || b.text() != "// a.mjs\n1\n" {
		t.Errorf("the second is %+v", b)
	}
	if b := blocks[2]; b.language != "" || b.text() != "shown\n" {
		t.Errorf("the third is %+v", b)
	}
	for _, wrong := range []string{"```sh\nls\n", "<!-- not run -->\n```sh\nls\n```\n"} {
		if _, err := parse("page.md", wrong); err == nil {
			t.Errorf("nothing is wrong with %q", wrong)
		}
	}
}

func TestCommandsAreSplit(t *testing.T) {
	all := commands(block{lines: strings.Split(`a --b \
  --c   # why
for i in 1 2; do
  echo "$i # is no comment"
done

cat <<END
a
END
d   # {"n":1}
> one
> two`, "\n")})
	want := []command{
		{text: "a --b \\\n  --c\n"},
		{text: "for i in 1 2; do\n  echo \"$i # is no comment\"\ndone\n"},
		{text: "cat <<END\na\nEND\n"},
		{text: "d\n", typed: []string{"one", "two"}, answers: `{"n":1}`},
	}
	if !slices.EqualFunc(all, want, func(a, b command) bool {
		return a.text == b.text && a.answers == b.answers && slices.Equal(a.typed, b.typed)
	}) {
		t.Errorf("got %q", all)
	}
}

func TestWhatIsShownIsCompared(t *testing.T) {
	const shown = "retry: 1\nid: AQ1\ndata: {\"a\": 1}\n\nid: AQ2\ndata: 2\n"
	for _, c := range []struct {
		lines string
		want  bool
	}{
		{"id: AQ…\ndata: {\"a\": 1}", true},
		{"retry: 1\n…\ndata: 2", true},
		{"data: {\"a\": 2}", false},
		{"id: AQ…\ndata: 3", false},
		{"retry: 1\ndata: 2", false},
		{"data: …\ndata: 2", false},
		{"ata: 2", false},
		{"< retry: 1\n…", true},
		{"< retry: 2", false},
		{"< retry: 1\n< data: 2", true},
		{"< data: 2\n< retry: 1", false},
	} {
		if got := asPattern(strings.Split(c.lines, "\n")).MatchString(shown); got != c.want {
			t.Errorf("%q is shown: %v", c.lines, got)
		}
	}
}

func TestPlaceholdersAreFilled(t *testing.T) {
	const shown = `data: {"stream":"s_old"}` + "\nid: AQ1\n" + `data: {"stream":"s_new-1"}` + "\nid: BQ2\n"
	for text, want := range map[string]string{
		"curl /s_…/done":             "curl /s_new-1/done",
		"curl -H 'Last: AQ…'":        "curl -H 'Last: AQ1'",
		`curl -d '{"receipts":["…"]`: `curl -d '{"receipts":["BQ2"]`,
	} {
		if got, missing := fill(text, shown); got != want || missing != "" {
			t.Errorf("%s became %s, and %q is missing", text, got, missing)
		}
	}
	if _, missing := fill("curl /x_…", shown); missing != "x_…" {
		t.Errorf("what nobody showed was filled in; missing is %q", missing)
	}
}

// A judge that cannot turn red is none.
func TestWrongBlocksAreSeen(t *testing.T) {
	s := newSession(t)
	for language, text := range map[string]string{
		"json":   `{"a":}`,
		"yaml":   "lisen: 127.0.0.1:80",
		"js":     "const = 1",
		"html":   "<p><script>const = 1</script>",
		"python": "if:",
		"go":     "func {",
		"java":   "class Unnamed {}",
		"bash":   "ls",
	} {
		if s.read(block{page: "page.md", line: 1, language: language, lines: []string{text}}) == nil {
			t.Errorf("nothing is wrong with the %s %q", language, text)
		}
	}
}
