package docs

import (
	"os/exec"
	"regexp"
	"strings"
)

// command is one command of a block of shell, which may have several lines.
type command struct {
	text    string
	typed   []string // lines that are typed into it: those that begin with "> "
	answers string   // what a comment behind it says that it shows: one that begins with {
}

var comment = regexp.MustCompile(`(?:^|\s{2,})#(?: (.*)|)$`)

// commands splits a block of shell where bash would.
func commands(b block) (all []command) {
	var text, answers string
	for _, line := range b.lines {
		if typed, ok := strings.CutPrefix(line, "> "); ok && text == "" && len(all) > 0 {
			last := &all[len(all)-1]
			last.typed = append(last.typed, typed)
			continue
		}
		if said := comment.FindStringSubmatch(line); said != nil {
			line = comment.ReplaceAllString(line, "")
			if strings.HasPrefix(said[1], "{") {
				answers = said[1]
			}
		}
		if text == "" && strings.TrimSpace(line) == "" {
			continue
		}
		text += line + "\n"
		if strings.HasSuffix(line, `\`) || !complete(text) {
			continue
		}
		all = append(all, command{text: text, answers: answers})
		text, answers = "", ""
	}
	if text != "" {
		all = append(all, command{text: text, answers: answers}) // bash says what is wrong with it
	}
	return all
}

// complete reports whether bash needs no further line.
func complete(text string) bool {
	said, err := exec.Command("bash", "-n", "-c", text).CombinedOutput()
	return err == nil && len(said) == 0
}

var endless = regexp.MustCompile(`culvert serve\b|\bcurl (?:.* )?-N\b|\bculvert tail\b|-m http\.server\b|\bwscat\b`)

// showsAtOnce tells the commands that write something when they have begun.
var showsAtOnce = regexp.MustCompile(`\bcurl\b|-m http\.server\b`)

// isServe tells the command that starts a bridge.
var isServe = regexp.MustCompile(`culvert serve\b`)

// isSocket tells the client of a WebSocket.
var isSocket = regexp.MustCompile(`\bwscat\b`)

// staysRunning reports whether the command goes on until its page ends: a bridge, a stream, a server, or what is marked so.
func (c command) staysRunning(b block) bool { return b.mark == stays || endless.MatchString(c.text) }
