package swap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// update writes the chapters anew, as far as no broker was measured by them in this run.
var update = os.Getenv("UPDATE_GOLDEN") == "1"

// player plays a script to one bridge.
type player struct {
	t      testing.TB
	script *script
	url    string
	stop   func() // asks the bridge to end

	capabilities map[string]bool // of the topic that counts
	branches     []branch
	answers      lanes // of requests that are answered at once
	open         map[string]connection
	kept         map[string]string
	spoken       map[string]string // what clients sent in the place of a reference: the reference by what it stood for
}

// branch is what is between with and without, or one of them and its end.
type branch struct {
	capability string
	played     bool
}

// play does all that the script says and compares what comes with it.
func (p *player) play(ctx context.Context) {
	p.t.Helper()
	p.open, p.kept, p.spoken = map[string]connection{}, map[string]string{}, map[string]string{}
	defer p.leave()
	for _, s := range p.script.steps {
		if err := p.step(ctx, s); err != nil {
			p.t.Fatalf("%s:%d: %v", p.script.path, s.line, err)
		}
	}
	if len(p.branches) > 0 {
		p.t.Fatalf("%s: with %s has no end", p.script.path, p.branches[0].capability)
	}
}

// leave closes what is open. What came without being asked for is one message too many.
func (p *player) leave() {
	for name, c := range p.open {
		c.close()
		for _, text := range c.given().left() {
			p.t.Errorf("%s: %s was given what nobody asked for: %s", p.script.path, name, text)
		}
	}
}

func (p *player) step(ctx context.Context, s *step) error {
	if err := p.branch(s); err != nil || !p.played() {
		return err
	}
	switch s.kind {
	case action:
		return p.act(ctx, s)
	case until:
		return p.until(ctx, s)
	case expected:
		return p.expect(s)
	case keep:
		name, of, _ := strings.Cut(s.text, " ")
		value, err := p.value(of)
		p.kept[name] = value
		return err
	case topic:
		return p.topic(ctx, s.text)
	}
	return nil
}

// branch goes into a branch, to its other side, and out of it.
func (p *player) branch(s *step) error {
	last := len(p.branches) - 1
	switch s.kind {
	case with:
		p.branches = append(p.branches, branch{s.text, p.capabilities[s.text]})
	case without:
		if last >= 0 && p.branches[last].capability == s.text {
			p.branches = p.branches[:last]
		}
		p.branches = append(p.branches, branch{s.text, !p.capabilities[s.text]})
	case end:
		if last < 0 {
			return errors.New("this ends nothing")
		}
		p.branches = p.branches[:last]
	}
	return nil
}

// played reports whether all branches around are this broker's.
func (p *player) played() bool {
	for _, b := range p.branches {
		if !b.played {
			return false
		}
	}
	return true
}

// topic makes a topic by its first use, where that makes topics, and asks what its broker can do: nothing for a topic that is not there.
func (p *player) topic(ctx context.Context, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/v1/topics/"+name+"/events", http.NoBody)
	if err != nil {
		return err
	}
	view, err := openStream(request)
	if err != nil {
		return err
	}
	defer view.close()
	if _, err := view.got.next(""); err != nil {
		return err
	}
	request.URL.Path = "/v1/topics/" + name
	response, err := clients.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var described struct {
		Capabilities []string `json:"capabilities"`
	}
	if err := json.NewDecoder(response.Body).Decode(&described); err != nil {
		return err
	}
	p.capabilities = map[string]bool{}
	for _, c := range described.Capabilities {
		p.capabilities[c] = true
	}
	return nil
}

// expect compares the next thing of a lane with what the script says of it.
func (p *player) expect(s *step) error {
	who, text, _ := strings.Cut(s.text, " ")
	from, lane, err := p.lane(who)
	if err != nil {
		return err
	}
	if from == &p.answers {
		who, text = "", s.text
	}
	raw, err := from.next(lane)
	if err != nil {
		return fmt.Errorf("%w from %s; %s is expected", err, s.text, strings.Join(s.block, "\n"))
	}
	first, rest, more := strings.Cut(p.masked(raw), "\n")
	got, want := first, strings.Join(append([]string{text}, s.block...), "\n")
	if more {
		got += "\n" + rest
	}
	if update && !s.judged {
		s.text = strings.TrimSpace(who + " " + first)
		s.block = nil
		if more {
			s.block = strings.Split(rest, "\n")
		}
		want = got
		s.judged = true
	}
	if got != want {
		p.t.Errorf("%s:%d: %s gave\n%s\nwant\n%s", p.script.path, s.line, who, got, want)
	}
	return nil
}

// masked is what came without what differs from run to run. What a client sent before is shown as the reference that stands for it.
func (p *player) masked(raw string) string {
	text := mask(raw, p.capabilities["receipt-position"])
	for value, reference := range p.spoken {
		text = strings.ReplaceAll(text, strconv.Quote(value), strconv.Quote(reference))
	}
	return text
}

// lane finds what who stands for: a stream, a sub or id of a WebSocket, or, where it is neither, the answer to the last request.
func (p *player) lane(who string) (*lanes, string, error) {
	name, lane, _ := strings.Cut(who, ".")
	if c, ok := p.open[name]; ok {
		return c.given(), lane, nil
	}
	if nameForm.MatchString(name) && name != "answer" {
		return nil, "", fmt.Errorf("no stream is called %s", name)
	}
	return &p.answers, "", nil
}

// value is a field of the last thing that a lane gave and that has it: the id of an event, or a member of JSON.
func (p *player) value(of string) (string, error) {
	if value, ok := p.kept[of]; ok {
		return value, nil
	}
	who, field, named := strings.Cut(of, ":")
	if !named {
		return "", fmt.Errorf("nothing is called %s", of)
	}
	from, name, err := p.lane(who)
	if err != nil {
		return "", err
	}
	form := regexp.MustCompile(`(?m)^` + field + `: (.*)$|"` + field + `":"([^"]*)"`)
	read := from.lane(name).read
	for i := len(read) - 1; i >= 0; i-- {
		if found := form.FindStringSubmatch(read[i]); found != nil {
			return found[1] + found[2], nil
		}
	}
	return "", fmt.Errorf("%s gave no %s", who, field)
}

// filled puts values in the place of references.
func (p *player) filled(text string) (string, error) {
	var failed error
	text = referenceForm.ReplaceAllStringFunc(text, func(reference string) string {
		value, err := p.value(strings.Trim(reference, "{}"))
		failed = errors.Join(failed, err)
		p.spoken[value] = reference
		return value
	})
	text = repeatForm.ReplaceAllStringFunc(text, func(repeat string) string {
		parts := repeatForm.FindStringSubmatch(repeat)
		n, _ := strconv.Atoi(parts[1])
		return strings.Repeat(parts[2], n)
	})
	return text, failed
}
