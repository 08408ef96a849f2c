package swap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// settling is how long an answer that is written anew may change until it is taken as it is.
const settling = 3 * time.Second

// act does what a client does.
func (p *player) act(ctx context.Context, s *step) error {
	line, err := p.filled(s.text)
	if err != nil {
		return err
	}
	block, err := p.filled(strings.Join(s.block, "\n"))
	if err != nil {
		return err
	}
	if line == "stop" {
		p.stop()
		return nil
	}
	if name, request, opens := strings.Cut(line, " = "); opens && nameForm.MatchString(name) {
		return p.openAs(ctx, name, request, block)
	}
	name, what, _ := strings.Cut(line, " ")
	if c, ok := p.open[name]; ok {
		return converse(ctx, c, what, block)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := p.request(ctx, line, block)
	if err != nil {
		return err
	}
	response, err := clients.Do(request)
	if err != nil {
		return err
	}
	text, err := answered(response)
	p.answers.put("", text)
	return err
}

// until asks anew while the answer is another one than the script expects: what a broker tells of a queue may come with a delay.
func (p *player) until(ctx context.Context, s *step) error {
	if s.answer == nil {
		return errors.New("this waits for no answer")
	}
	limit := patience
	if update && !s.answer.judged {
		limit = settling
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	want := strings.Join(append([]string{s.answer.text}, s.answer.block...), "\n")
	for late := time.Now().Add(limit); ; <-tick.C {
		if err := p.act(ctx, s); err != nil {
			return err
		}
		text, err := p.answers.next("")
		if err != nil {
			return err
		}
		if p.masked(text) == want || time.Now().After(late) {
			p.answers.put("", text)
			return nil
		}
	}
}

// openAs opens a stream by this name.
func (p *player) openAs(ctx context.Context, name, line, block string) error {
	if p.open[name] != nil {
		return fmt.Errorf("there is a stream %s already", name)
	}
	request, err := p.request(ctx, line, block)
	if err != nil {
		return err
	}
	if request.Method != "WS" {
		opened, err := openStream(request)
		if opened != nil {
			p.open[name] = opened
		}
		return err
	}
	words := strings.Fields(line)
	if request.Host != "" && request.Host != request.URL.Host {
		request.Header.Set("Host", request.Host)
	}
	opened, err := openSocket(ctx, request.URL.String(), request.Header, words[2:])
	if opened != nil {
		p.open[name] = opened
	}
	return err
}

// converse is what a client does with an open stream.
func converse(ctx context.Context, c connection, what, block string) error {
	kind, quoted, _ := strings.Cut(what, " ")
	switch kind {
	case "close":
		c.close()
		return nil
	case "finish":
		c.finish()
		return nil
	case "text", "binary":
		data, err := strconv.Unquote(quoted)
		if err != nil {
			return fmt.Errorf("%s: %w", quoted, err)
		}
		return c.send(ctx, kind, data)
	case "":
		what = block
	}
	return c.send(ctx, "text", what)
}

// request makes a request of a line, METHOD and path, and a block: header, a blank line, body.
func (p *player) request(ctx context.Context, line, block string) (*http.Request, error) {
	words := strings.Fields(line)
	if len(words) < 2 || !strings.HasPrefix(words[1], "/") {
		return nil, fmt.Errorf("%q is none of a request, a stream to open, and something for one that is open", line)
	}
	header, body, _ := strings.Cut(block, "\n\n")
	if bare, hasNoHeader := strings.CutPrefix(block, "\n"); hasNoHeader {
		header, body = "", bare
	}
	if exact, err := strconv.Unquote(body); err == nil {
		body = exact
	}
	request, err := http.NewRequestWithContext(ctx, words[0], p.url+words[1], strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for field := range strings.SplitSeq(header, "\n") {
		name, value, _ := strings.Cut(field, ": ")
		switch name {
		case "":
		case "Host":
			request.Host = value
		default:
			request.Header.Add(name, value)
		}
	}
	return request, nil
}
