package edge

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"culvert/domain"
)

// Params are the parameters of one request: of a URL's query, or the fields of a WebSocket frame. Each is taken out by name; Err then
// refuses what nobody asked for. The first failure is kept, and what is taken after it is of no value. Not for concurrent use.
type Params struct {
	source string
	values map[string][]string
	known  []string
	fixed  Fixed        // what View need not be asked for
	queue  domain.Queue // what View peeks into; empty: none
	err    error
}

// passedOver are the parameters that polyfills add (PROTOCOL §2).
var passedOver = [...]string{"_", "r", "t", "padding"}

// QueryParams reads the query of a URL. What cannot be read, and more parameters than limits allow, is an InvalidRequest error,
// which Err gives.
func QueryParams(query string, limits domain.Limits) *Params {
	p := &Params{source: "parameter", values: map[string][]string{}}
	if n := strings.Count(query, "&") + 1; query != "" && n > limits.Parameters {
		p.Fail(domain.Errorf(domain.InvalidRequest, "the URL has %d parameters; at most %d are taken (limits.parameters)", n, limits.Parameters))
		return p
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		p.Fail(domain.Errorf(domain.InvalidRequest, "the URL's query cannot be read: %v", err))
		return p
	}
	for name, list := range values {
		if slices.Contains(passedOver[:], name) {
			continue
		}
		for _, s := range list {
			if !utf8.ValidString(s) {
				p.Fail(domain.Errorf(domain.InvalidRequest, "the parameter %q is not UTF-8", cut(name, maxShown)))
			}
		}
		p.values[name] = list
	}
	return p
}

// FrameParams reads the fields of a client's frame, without those named in besides. A field holds a string, a number, true, false, or a list
// of strings for a parameter that may be repeated; anything else is an InvalidRequest error, which Err gives.
func FrameParams(o *Object, limits domain.Limits, besides ...string) *Params {
	p := &Params{source: "field", values: map[string][]string{}, known: slices.Clone(besides)}
	n := 0
	for _, f := range o.Fields() {
		name := string(f.Name)
		if slices.Contains(besides, name) {
			continue
		}
		values, err := frameValues(f.Value)
		if err != nil {
			p.Fail(fieldError(cut(name, maxShown), err))
			return p
		}
		if n += max(len(values), 1); n > limits.Parameters {
			p.Fail(domain.Errorf(domain.InvalidRequest, "the frame has more than %d parameters (limits.parameters)", limits.Parameters))
			return p
		}
		p.values[name] = values
	}
	return p
}

func frameValues(v Value) ([]string, error) {
	switch v[0] {
	case '"':
		s, err := v.String()
		return []string{s}, err
	case 't':
		return []string{"1"}, nil
	case 'f':
		return []string{"0"}, nil
	case '[':
		items, _ := v.Items()
		values := make([]string, len(items))
		for i, item := range items {
			s, err := item.String()
			if err != nil {
				return nil, domain.Errorf(domain.InvalidRequest, "each of the list must be a string")
			}
			values[i] = s
		}
		return values, nil
	case '{', 'n':
		return nil, domain.Errorf(domain.InvalidRequest, "this must be a string, a number, true or false, or a list of strings")
	}
	return []string{string(v)}, nil
}

// Fail makes err the outcome, unless something failed before.
func (p *Params) Fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// All takes the values of a parameter that may be repeated.
func (p *Params) All(name string) []string {
	p.known = append(p.known, name)
	values := p.values[name]
	delete(p.values, name)
	return values
}

// One takes the value of a parameter that may be there once, and tells whether it is.
func (p *Params) One(name string) (string, bool) {
	values := p.All(name)
	if len(values) > 1 {
		p.Fail(domain.Errorf(domain.InvalidRequest, "the %s %s is there %d times; once is possible", p.source, name, len(values)))
	}
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

// Flag takes a parameter that is 1 or 0.
func (p *Params) Flag(name string, otherwise bool) bool {
	s, ok := p.One(name)
	switch {
	case !ok:
		return otherwise
	case s == "1":
		return true
	case s != "0":
		p.Fail(domain.Errorf(domain.InvalidRequest, "%s=%q is none of 0 and 1", name, cut(s, maxShown)))
	}
	return false
}

// Int takes a whole number from low to high.
func (p *Params) Int(name string, low, high, otherwise int64) int64 {
	s, ok := p.One(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < low || n > high {
		p.Fail(domain.Errorf(domain.InvalidRequest, "%s=%q is no whole number from %d to %d", name, cut(s, maxShown), low, high))
	}
	return n
}

// Choice takes a parameter that is one of a few words; the first is what it is where it is not given.
func (p *Params) Choice(name string, words ...string) string {
	s, ok := p.One(name)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, s) {
		p.Fail(domain.Errorf(domain.InvalidRequest, "%s=%q is none of %s", name, cut(s, maxShown), strings.Join(words, ", ")))
	}
	return s
}

// Err is what failed first. Where nothing did, parameters that were not taken are refused with the names of those that were.
func (p *Params) Err() error {
	if p.err != nil || len(p.values) == 0 {
		return p.err
	}
	unknown := ""
	for name := range p.values {
		if unknown == "" || name < unknown {
			unknown = name
		}
	}
	if len(p.known) == 0 {
		return domain.Errorf(domain.InvalidRequest, "the %s %q is unknown here; there are none", p.source, cut(unknown, maxShown))
	}
	slices.Sort(p.known)
	return domain.Errorf(domain.InvalidRequest, "the %s %q is unknown here; known are %s", p.source, cut(unknown, maxShown), strings.Join(slices.Compact(p.known), ", "))
}
