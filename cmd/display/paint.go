package display

import (
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
)

// When colours are used.
const (
	Auto   = "auto" // on a terminal, unless NO_COLOR is set (https://no-color.org)
	Always = "always"
	Never  = "never"
)

// Colour reports whether when calls for colours on out.
func Colour(when string, out any) (bool, error) {
	switch when {
	case Always:
		return true, nil
	case Never:
		return false, nil
	case Auto:
		return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && Terminal(out), nil
	}
	return false, fmt.Errorf("colour is %s, %s or %s, and not %q", Auto, Always, Never, when)
}

// Terminal reports whether stream is one.
func Terminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// paint colours text where it is true, as ECMA-48 has it.
type paint bool

func (p paint) faint(s string) string { return p.with("2", s) }
func (p paint) key(s string) string   { return p.with("36", s) }
func (p paint) alarm(s string) string { return p.with("33", s) }

func (p paint) with(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
