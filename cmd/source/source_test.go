package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"culvert/cmd/client"
)

// show is a message in one line.
func show(m client.Message) string {
	text := func(b []byte) string {
		if b == nil {
			return "-"
		}
		return fmt.Sprintf("%q", b)
	}
	if m.Err != nil {
		return m.Where + " wrong: " + m.Err.Error()
	}
	line := fmt.Sprintf("%s %s %s %s", m.Where, m.Topic, text(m.Key), text(m.Payload))
	for _, h := range m.Headers {
		line += fmt.Sprintf(" %s=%s", h.Name, h.Value)
	}
	return line
}

func read(t *testing.T, s *Source) (lines []string) {
	t.Helper()
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, show(m))
	}
}

func TestShapes(t *testing.T) {
	headers := []client.Header{{Name: "h", Value: []byte("v")}}
	for _, c := range []struct {
		name, input string
		cfg         Config
		want        []string
	}{
		{"lines", "one\n\ntwo\r\n three ", Config{}, []string{`stdin:1 a - "one"`, `stdin:2 a - ""`, `stdin:3 a - "two"`, `stdin:4 a - " three "`}},
		{"nothing", "", Config{}, nil},
		{"an empty line", "\n", Config{}, []string{`stdin:1 a - ""`}},
		{"binary lines", "\x00\xff\nb", Config{}, []string{`stdin:1 a - "\x00\xff"`, `stdin:2 a - "b"`}},
		{"a key for all", "one\n", Config{Key: []byte("k"), Headers: headers}, []string{`stdin:1 a "k" "one" h=v`}},
		{"an empty key", "one\n", Config{Key: []byte{}}, []string{`stdin:1 a "" "one"`}},
		{"keys", "k:v:w\n:v\nk:\nkv\n", Config{Separator: ":"}, []string{`stdin:1 a "k" "v:w"`, `stdin:2 a "" "v"`, `stdin:3 a "k" ""`, `stdin:4 wrong: there is no ":" between a key and a payload in it`}},
		{"a long separator", "a => b\n", Config{Separator: " => "}, []string{`stdin:1 a "a" "b"`}},
		{"tombstones", "a\n\nb\n", Config{Shape: Key, Headers: headers}, []string{`stdin:1 a "a" - h=v`, `stdin:3 a "b" - h=v`}},
		{"JSON", "\n [] \n{\"text\":\"x\"}\n", Config{Shape: JSON}, []string{`stdin:2 wrong: it is no JSON object like {"key":"GOOG","payload":{"price":187.2}}`, `stdin:3  - -`}},
		{"JSON without an end", "{\"text\":\"x\"\n", Config{Shape: JSON}, []string{`stdin:1 wrong: it is no JSON: the object has no end`}},
		{"whole", "one\r\ntwo\n", Config{Shape: Whole, Key: []byte("k")}, []string{`stdin a "k" "one\r\ntwo\n"`}},
		{"whole and empty", "", Config{Shape: Whole}, []string{`stdin a - ""`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Topic = "a"
			s, err := New([]string{Stdin}, strings.NewReader(c.input), c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, s); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestFilesFollowOneAnother(t *testing.T) {
	folder := t.TempDir()
	one, two := filepath.Join(folder, "one"), filepath.Join(folder, "two")
	if err := errors.Join(os.WriteFile(one, []byte("1\n2"), 0o600), os.WriteFile(two, []byte("4\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := New([]string{one, Stdin, two}, strings.NewReader("3\n"), Config{Topic: "a"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{one + `:1 a - "1"`, one + `:2 a - "2"`, `stdin:1 a - "3"`, two + `:1 a - "4"`}
	if got := read(t, s); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, wrong := range []string{filepath.Join(folder, "three"), folder} {
		if _, err := New([]string{one, wrong}, nil, Config{}); err == nil || strings.Count(err.Error(), wrong) != 1 {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	// One that goes while others are read.
	s, err = New([]string{one, two}, nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(two)
	for {
		if _, err = s.Next(); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it ended with %v", err)
	}
}

// endless gives one line that has no end, until so much was read.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	e.left -= n
	return n, nil
}

// A line that never ends must not take all the memory there is.
func TestALineThatIsTooLong(t *testing.T) {
	for shape, where := range map[Shape]string{Line: "stdin:1", Whole: "stdin", JSON: "stdin:1"} {
		s, err := New([]string{Stdin}, io.MultiReader(&endless{maxBytes + 1}, strings.NewReader("\nnext\n")), Config{Shape: shape, Topic: "a"})
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Next()
		if err != nil || !errors.Is(m.Err, errTooLong) || m.Where != where {
			t.Errorf("got %s, %v", show(m), err)
		}
		if shape != Line {
			continue
		}
		if m, err = s.Next(); err != nil || show(m) != `stdin:2 a - "next"` {
			t.Errorf("then got %s, %v", show(m), err)
		}
	}
	// Nothing of it is kept, be it ever so long.
	s, err := New([]string{Stdin}, &endless{16 * maxBytes}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := s.Next()
	runtime.ReadMemStats(&after)
	if err != nil || !errors.Is(m.Err, errTooLong) || after.TotalAlloc-before.TotalAlloc > 8*maxBytes {
		t.Errorf("got %s, %v, with %d bytes", show(m), err, after.TotalAlloc-before.TotalAlloc)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestInputThatBreaks(t *testing.T) {
	for _, shape := range []Shape{Line, Whole} {
		s, err := New([]string{Stdin}, broken{}, Config{Shape: shape})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); err == nil || err.Error() != "reading stdin: the disk is gone" {
			t.Errorf("it ended with %v", err)
		}
	}
}
