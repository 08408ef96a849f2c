package app

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"culvert/adapters/edge/spec"
)

// described is openapi.yaml.
func described(t *testing.T) *openapi3.T {
	t.Helper()
	page, err := openapi3.NewLoader().LoadFromData(spec.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// What is served and not described nobody finds, and what is described and not served misleads.
func TestTheDescribedRoutesAreThoseThatAreServed(t *testing.T) {
	a := start(t, OnFreePorts())
	var public, operators []string
	for path, item := range described(t).Paths.Map() {
		for method, operation := range item.Operations() {
			if item.Servers != nil && method == http.MethodGet {
				for base, want := range map[string]int{a.AdminURL(): http.StatusOK, a.URL(): http.StatusNotFound} {
					if got := ask(t, method, base+exemplary(path, operation), "").status; got != want {
						t.Errorf("%s %s%s is answered with %d, want %d", method, base, path, got, want)
					}
				}
			}
			served := []string{method + " " + path}
			if method == http.MethodGet && document(operation) {
				served = append(served, http.MethodHead+" "+path)
			}
			switch {
			case item.Servers == nil:
				public = append(public, served...)
			case path != "/livez" && path != "/readyz" && path != "/metrics": // these are no edge's
				operators = append(operators, served...)
			}
		}
	}
	for i, s := range a.servers {
		mounted, here := s.Mounted(), public
		if i > 0 {
			here = slices.Concat(public, operators)
		}
		for _, route := range mounted {
			if !slices.Contains(here, route) {
				t.Errorf("server %d: openapi.yaml does not describe %s", i, route)
			}
		}
		for _, route := range here {
			if !slices.Contains(mounted, route) {
				t.Errorf("server %d: openapi.yaml describes %s, which is not served", i, route)
			}
		}
	}
}

// exemplary is a path with what is given as an example for each of its variables.
func exemplary(path string, operation *openapi3.Operation) string {
	for _, p := range operation.Parameters {
		if p.Value.In == openapi3.ParameterInPath {
			path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", fmt.Sprint(p.Value.Example))
		}
	}
	return path
}

// document reports whether what an operation answers has an end.
func document(operation *openapi3.Operation) bool {
	answer := operation.Responses.Status(http.StatusOK)
	return answer != nil && answer.Value.Content["text/event-stream"] == nil
}

// A parameter that the bridge knows is one that it names when it is given one that it does not know.
func TestTheDescribedParametersAreThoseThatAreKnown(t *testing.T) {
	said := &said{}
	a, err := New(OnFreePorts(), slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	looked := 0
	for path, item := range described(t).Paths.Map() {
		for method, operation := range item.Operations() {
			if item.Servers != nil || strings.Contains(operation.Description, "Parameters are passed over here.") {
				continue
			}
			o := asked{t: t, said: said, method: method, url: a.URL() + strings.NewReplacer("{topic}", "t", "{queue}", "q", "{stream}", "s").Replace(path), operation: operation}
			t.Run(method+path, func(t *testing.T) {
				o.t = t
				o.names()
				looked += o.values()
			})
		}
	}
	if looked < 20 {
		t.Errorf("the values of %d parameters were looked at", looked)
	}
}

// asked is an operation that is asked in all of its ways.
type asked struct {
	t         *testing.T
	said      *said
	method    string
	url       string
	operation *openapi3.Operation
}

var (
	unknown = regexp.MustCompile(`is unknown here; (?:known are ([A-Za-z_, ]+)|there are none)`)
	choice  = regexp.MustCompile(`is none of ([a-z0-9, -]+)`)
	extent  = regexp.MustCompile(`is no whole number from (\d+) to (\d+)`)
)

// names compares the parameters' names, those of all ways together.
func (o asked) names() {
	known := map[string]bool{}
	for _, way := range o.ways() {
		found := unknown.FindStringSubmatch(o.refusal(way, "~", "1"))
		if found == nil {
			o.t.Fatalf("as %v: a parameter ~ is not refused", way)
		}
		for name := range strings.SplitSeq(found[1], ", ") {
			if name != "" {
				known[name] = true
			}
		}
	}
	for _, p := range o.operation.Parameters {
		if p.Value.In != openapi3.ParameterInQuery {
			continue
		}
		if !known[p.Value.Name] {
			o.t.Errorf("%s is described, and not known", p.Value.Name)
		}
		delete(known, p.Value.Name)
	}
	for name := range known {
		o.t.Errorf("%s is known, and not described", name)
	}
}

// values compares which values parameters may have, of those that are words, flags and numbers, and tells how many there are.
func (o asked) values() (looked int) {
	for _, p := range o.operation.Parameters {
		schema := p.Value.Schema.Value
		if p.Value.In != openapi3.ParameterInQuery || schema.Enum == nil && !schema.Type.Is(openapi3.TypeInteger) {
			continue
		}
		looked++
		found := false
		for _, way := range o.ways() {
			way = slices.DeleteFunc(slices.Clone(way), func(s string) bool { return strings.HasPrefix(s, p.Value.Name+"=") })
			if refused := o.refusal(way, p.Value.Name, "~"); !unknown.MatchString(refused) {
				found = true
				o.value(way, p.Value, refused)
			}
		}
		if !found {
			o.t.Errorf("%s is known in no way", p.Value.Name)
		}
	}
	return looked
}

func (o asked) value(way []string, p *openapi3.Parameter, refused string) {
	schema := p.Schema.Value
	if schema.Enum == nil {
		found := extent.FindStringSubmatch(refused)
		if found == nil || schema.Min == nil || fmt.Sprint(*schema.Min) != found[1] || schema.Max != nil && fmt.Sprint(*schema.Max) != found[2] {
			o.t.Errorf("as %v: %s is %s", way, p.Name, refused)
		}
		return
	}
	found := choice.FindStringSubmatch(refused)
	if found == nil {
		o.t.Errorf("as %v: %s=~ is answered with %s", way, p.Name, refused)
		return
	}
	words := strings.Split(strings.ReplaceAll(found[1], " and ", ", "), ", ")
	for _, word := range schema.Enum {
		if !slices.Contains(words, word.(string)) {
			o.t.Errorf("as %v: %s=%s is described, and refused", way, p.Name, word)
		}
	}
	for _, word := range words {
		if !slices.Contains(schema.Enum, any(word)) && o.refusal(way, p.Name, word) == "" {
			o.t.Errorf("as %v: %s=%s is possible, and not described", way, p.Name, word)
		}
	}
	// Of words the first is what a parameter is that is not given.
	if flag := slices.Equal(words, []string{"0", "1"}); !flag && schema.Default != nil && schema.Default != words[0] {
		o.t.Errorf("as %v: %s is described as %v by default, and is %s", way, p.Name, schema.Default, words[0])
	}
}

// ways are the forms that the operation has: parameters, or fields of the header.
func (o asked) ways() (all [][]string) {
	switch {
	case o.operation.Parameters.GetByInAndName("query", "topic") != nil:
		all = append(all, []string{"topic=t"})
	case o.operation.Responses.Status(http.StatusSwitchingProtocols) != nil:
		all = append(all, []string{"Sec-WebSocket-Protocol: culvert.v1.json"})
	case o.operation.RequestBody != nil:
		for name := range o.operation.RequestBody.Value.Content {
			all = append(all, []string{"Content-Type: " + name})
		}
	default:
		all = append(all, nil)
	}
	if mode := o.operation.Parameters.GetByInAndName("query", "mode"); mode != nil {
		for _, word := range mode.Schema.Value.Enum {
			all = append(all, []string{"mode=" + word.(string)})
		}
	}
	return all
}

// refusal asks with a parameter, and gives what the log says of why that was refused; nothing where it was not.
func (o asked) refusal(way []string, name, value string) string {
	o.t.Helper()
	query := url.Values{name: {value}}
	header := http.Header{}
	for _, one := range way {
		if field, text, ok := strings.Cut(one, ": "); ok {
			header.Set(field, text)
		} else {
			parameter, text, _ := strings.Cut(one, "=")
			query.Set(parameter, text)
		}
	}
	if o.operation.Responses.Status(http.StatusSwitchingProtocols) != nil {
		header.Set("Connection", "Upgrade")
		header.Set("Upgrade", "websocket")
		header.Set("Sec-WebSocket-Version", "13")
		header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
	}
	request, err := http.NewRequestWithContext(o.t.Context(), o.method, o.url+"?"+query.Encode(), http.NoBody)
	if err != nil {
		o.t.Fatal(err)
	}
	request.Header = header
	o.said.reset()
	answer, err := client(o.t).Do(request)
	if err != nil {
		o.t.Fatal(err)
	}
	defer answer.Body.Close()
	// Of a socket that is refused there is a close, and of a stream that is opened an event: both come after what is logged.
	if _, err := io.ReadAtLeast(answer.Body, make([]byte, 4), 4); err != nil {
		o.t.Fatal(err)
	}
	return o.said.refusal()
}

// said is a log.
type said struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
}

// refusal is the line about what was refused.
func (s *said) refusal() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		if strings.Contains(line, "invalid-request") {
			return strings.ReplaceAll(line, `\"`, `"`)
		}
	}
	return ""
}
