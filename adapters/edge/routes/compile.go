package routes

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"culvert/domain"
)

// compiled is a route that has been checked.
type compiled struct {
	path       pathTemplate
	topic      template
	queue      template
	key        template // nil: none is fixed
	headers    []header
	parameters map[string]string // what ours is, by what clients here call it
	literal    domain.Topic      // the topic where the route names it itself; else empty
}

// header is one that is fixed.
type header struct {
	name  string
	value template
}

// Validate joins all that is wrong with routes, each with the key of the configuration.
func Validate(all []Route) error {
	_, err := compile(all)
	return err
}

// compile checks routes, one by one and then with each other, and gives them in the order in which they are tried.
func compile(all []Route) ([]*compiled, error) {
	var done []*compiled
	var paths []pathTemplate
	var problems []error
	for i, r := range all {
		c, wrong := r.compile()
		for _, err := range wrong {
			problems = append(problems, fmt.Errorf("routes[%d].%w", i, err))
		}
		for j, earlier := range paths {
			if err := conflict(c.path, earlier, all[j].Path, j); err != nil {
				problems = append(problems, fmt.Errorf("routes[%d].path is %q: %w", i, r.Path, err))
			}
		}
		done, paths = append(done, c), append(paths, c.path)
	}
	narrowestFirst(done)
	return done, errors.Join(problems...)
}

// conflict says why there cannot be a route of path beside the one of earlier, which is written so and stands at n.
func conflict(path, earlier pathTemplate, written string, n int) error {
	if path == nil || earlier == nil {
		return nil // which is wrong already
	}
	switch path.relationTo(earlier) {
	case same:
		return fmt.Errorf("routes[%d] (%s) has the same paths; leave one of them out", n, written)
	case crossing:
		return fmt.Errorf("there are paths that are also those of routes[%d] (%s), and neither says more of them; change a segment of one of them", n, written)
	}
	return nil
}

// compile checks r by itself.
func (r Route) compile() (c *compiled, problems []error) {
	c = &compiled{}
	k := checker{}
	var err error
	if c.path, err = parsePath(r.Path); err != nil {
		k.refuse("path %w", err)
	} else if own(c.path[0].text) && !c.path[0].variable {
		k.refuse("path is %q: that is the bridge's own", r.Path)
	}
	k.path = c.path
	c.topic, c.queue, c.key = k.template("topic", r.Topic), k.template("queue", r.Queue), k.template("key", r.Key)
	for i, text := range r.Headers {
		if h, ok := k.header(fmt.Sprintf("headers[%d]", i), text); ok {
			c.headers = append(c.headers, h)
		}
	}
	if c.path != nil {
		k.unused(r.Path)
	}
	k.names(c)
	c.parameters = k.parameters(r)
	k.together(r)
	if len(c.topic.variables()) == 0 {
		c.literal = domain.Topic(r.Topic)
	}
	return c, k.problems
}

// checker collects what is wrong with one route.
type checker struct {
	path     pathTemplate
	used     []string // variables
	problems []error
}

func (k *checker) refuse(format string, args ...any) {
	k.problems = append(k.problems, fmt.Errorf(format, args...))
}

// template reads the value of a key of the configuration.
func (k *checker) template(key, text string) template { return k.part(key, text, text) }

// part is template for a part of what is written there.
func (k *checker) part(key, written, text string) template {
	t, err := parseTemplate(text)
	if err != nil {
		k.refuse("%s is wrong: %w", key, err)
		return nil
	}
	for _, name := range t.variables() {
		k.used = append(k.used, name)
		if k.path != nil && !slices.Contains(k.path, piece{name, true}) {
			k.refuse("%s is %q: the path has no {%s}", key, written, name)
		}
	}
	return t
}

func (k *checker) header(key, text string) (h header, ok bool) {
	name, value, ok := strings.Cut(text, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsAny(name, "{}") {
		k.refuse("%s is %q: it is name:value, and only the value may have a variable", key, text)
		return header{}, false
	}
	return header{name, k.part(key, text, value)}, true
}

// unused refuses variables that say nothing: who wrote them meant something.
func (k *checker) unused(path string) {
	for _, p := range k.path {
		if p.variable && !slices.Contains(k.used, p.text) {
			k.refuse("path is %q: {%s} is used nowhere; topic, queue, key or headers can", path, p.text)
		}
	}
}

// names checks the topic and the queue as far as that can be before a request.
func (k *checker) names(c *compiled) {
	topic := domain.Topic("x")
	if c.topic != nil {
		var err error
		if topic, err = domain.ParseTopic(c.topic.example()); err != nil {
			k.refuse("topic: %s", domain.AsError(err).Detail)
			return
		}
	}
	if c.queue == nil {
		return
	}
	if _, err := domain.ParseQueue(topic, c.queue.example()); err != nil {
		k.refuse("queue: %s", domain.AsError(err).Detail)
	}
}

// parameters checks the renamings.
func (k *checker) parameters(r Route) map[string]string {
	renamed := make(map[string]string, len(r.Parameters))
	taken := make(map[string]int, len(r.Parameters))
	for i, p := range r.Parameters {
		at := fmt.Sprintf("parameters[%d]", i)
		_, twice := renamed[p.Name]
		first, taking := taken[p.As]
		switch {
		case p.Name == "":
			k.refuse("%s.name is empty: it is what clients call the parameter", at)
		case twice:
			k.refuse("%s.name is %q, as that of an entry before: a parameter can be one thing only", at, p.Name)
		case slices.Contains(renameable, p.Name):
			k.refuse("%s.name is %q, a parameter that the bridge has: nobody could give that here", at, p.Name)
		case p.As != asTopic && p.As != asQueue && !slices.Contains(renameable, p.As):
			k.refuse("%s.as is %q, which is no parameter: it is one of %s, %s, %s", at, p.As, asTopic, asQueue, strings.Join(renameable, ", "))
		case taking:
			k.refuse("%s.as is %q, as that of parameters[%d]: there can be one name for it", at, p.As, first)
		case p.As == asTopic && r.Topic != "", p.As == asQueue && r.Queue != "", p.As == "key" && r.Key != "":
			k.refuse("%s.as is %q, which the route fixes: leave one of them out", at, p.As)
		}
		if _, known := taken[p.As]; !known {
			taken[p.As] = i
		}
		renamed[p.Name] = p.As
	}
	return renamed
}

// together checks what a route is for.
func (k *checker) together(r Route) {
	named := func(as string) bool {
		return slices.ContainsFunc(r.Parameters, func(p Parameter) bool { return p.As == as })
	}
	if r.Topic == "" && !named(asTopic) {
		k.refuse("topic is missing: name it, or a parameter as topic")
	}
	if r.Queue == "" && !named(asQueue) {
		return
	}
	if r.Key != "" {
		k.refuse("key is %q beside a queue: members of a queue cannot choose, so leave one of them out", r.Key)
	}
	if len(r.Headers) > 0 {
		k.refuse("headers are %q beside a queue: members of a queue cannot choose, so leave one of them out", r.Headers)
	}
}
