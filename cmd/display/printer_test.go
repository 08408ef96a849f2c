package display

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/cmd/client"
)

var update = flag.Bool("update", false, "write the golden files anew")

// events are frames of all sorts, as a bridge sends them.
var events = []string{
	`{"op":"msg","topic":"orders","partition":0,"offset":41,"key":"GOOG","headers":[],"time":"2026-01-02T03:04:05.006Z","payload":{"price": 187.2},"cursor":"c"}`,
	`{"op":"msg","topic":"orders","partition":1,"offset":0,"key":null,"headers":[["source","cron"],["bin",null,"/w=="]],"time":"2026-01-02T03:04:05.007Z","text":"Grüße,\t世界"}`,
	`{"op":"msg","topic":"orders","partition":1,"offset":1,"key":"","headers":[],"time":"2026-01-02T03:04:05.008Z","text":""}`,
	`{"op":"gap","reason":"retention","topic":"orders","partition":1,"lost":17,"cursor":"c"}`,
	`{"op":"msg","topic":"orders","partition":1,"offset":19,"key":"GOOG","headers":[],"time":"2026-01-02T03:04:05.009Z","payload":null}`,
	`{"op":"msg","topic":"orders","partition":1,"offset":20,"key64":"/wA=","headers":[],"base64":"AP8bWzMxbQ==","receipt":"r","attempt":2}`,
	`{"op":"msg","topic":"orders","partition":0,"offset":null,"key":"\u001b]0;title\u0007","headers":[["\u001b[2J","\r"]],"time":"2026-01-02T03:04:05.010Z","text":"two\nlines\r\u001b[31m\u202e\ufffd\u009b"}`,
	`{"op":"gap","reason":"epoch","topic":"orders","partition":0,"lost":null}`,
	`{"op":"gap","reason":"overflow","topic":"orders","partition":0,"lost":1}`,
	`{"op":"msg","topic":"orders","partition":0,"offset":2,"key":null,"headers":[],"time":"2026-01-02T03:04:05.011Z","text":"null"}`,
}

func frame(t *testing.T, raw string) *client.Frame {
	t.Helper()
	f := &client.Frame{Raw: []byte(raw)}
	if err := json.Unmarshal(f.Raw, f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestGoldens(t *testing.T) {
	for _, c := range []struct {
		kind   string
		colour bool
		golden string
	}{{Text, false, "text"}, {Text, true, "text-colour"}, {JSON, true, "json"}, {Raw, true, "raw"}} {
		t.Run(c.golden, func(t *testing.T) {
			var both strings.Builder
			p, err := NewPrinter(c.kind, prefixed{&both, "out| "}, prefixed{&both, "err| "}, c.colour)
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range events {
				if err := errors.Join(p.Frame(frame(t, raw)), p.Flush()); err != nil {
					t.Fatal(err)
				}
			}
			golden := filepath.Join("testdata", c.golden+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(both.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if both.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", both.String(), want)
			}
			if c.kind == Text && !c.colour && strings.ContainsAny(both.String(), "\x1b\r\u009b\u202e") {
				t.Error("a message could steer the terminal")
			}
		})
	}
}

// prefixed says which of two streams a write went to.
type prefixed struct {
	to     io.Writer
	prefix string
}

func (p prefixed) Write(text []byte) (int, error) {
	_, err := io.WriteString(p.to, p.prefix+string(text))
	return len(text), err
}

// Large binary is not poured over a terminal, and is told by its size.
func TestLargeBinaryIsCut(t *testing.T) {
	f := &client.Frame{Op: "msg", Base64: new(make([]byte, 10_000))}
	if got := (&text{}).payload(f); len(got) > 5*maxBinary || !strings.HasPrefix(got, "(10000 bytes) ") || !strings.HasSuffix(got, "…") {
		t.Errorf("got %q", got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestOutputThatIsGone(t *testing.T) {
	for _, kind := range []string{Text, JSON, Raw} {
		p, err := NewPrinter(kind, full{}, io.Discard, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Frame(frame(t, events[0])), p.Flush()); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := NewPrinter("xml", full{}, io.Discard, false); err == nil {
		t.Error("xml was taken")
	}
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		when, noColour string
		want           bool
	}{{Always, "1", true}, {Never, "", false}, {Auto, "", false}} { // a file is no terminal
		t.Setenv("NO_COLOR", c.noColour)
		if got, err := Colour(c.when, os.Stdout); got != c.want || err != nil {
			t.Errorf("%s with NO_COLOR=%s is %v, %v", c.when, c.noColour, got, err)
		}
	}
	if _, err := Colour("perhaps", nil); err == nil {
		t.Error("perhaps was taken")
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := Table(&out, []string{"QUEUE", "LAG"}, [][]string{{"a-long-one", "1"}, {"b", Nothing}}); err != nil {
		t.Fatal(err)
	}
	if want := "QUEUE       LAG\na-long-one  1\nb           -\n"; out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
