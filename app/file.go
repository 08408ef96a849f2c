package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"gopkg.in/yaml.v3"
)

// readFile reads a configuration file: YAML, and so JSON too. It gives what the file says, by key, with every value read as the type that
// the key has in a Config; what is wrong with it is told with its line.
func readFile(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil // nothing but comments
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: a second document begins; one file holds one configuration", path)
	}
	r := fileReader{path: path}
	said := r.section(document.Content[0], reflect.ValueOf(Default()), "")
	return said, errors.Join(r.problems...)
}

// fileReader walks a document beside the struct that it is to fill.
type fileReader struct {
	path     string
	problems []error
}

func (r *fileReader) problem(at *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s:%d: %s", r.path, at.Line, fmt.Sprintf(format, args...)))
}

// section reads the keys of a mapping. A section that is empty says nothing.
func (r *fileReader) section(n *yaml.Node, section reflect.Value, path string) map[string]any {
	n = resolve(n)
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.problem(n, "%s holds keys, not a value", orTop(path))
		return nil
	}
	said := make(map[string]any)
	for i := 0; i < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if _, twice := said[name.Value]; twice {
			r.problem(name, "%s is there twice", join(path, name.Value))
			continue
		}
		f, known := find(fields(section), name.Value)
		if !known {
			r.problem(name, "unknown key %s%s", join(path, name.Value), suggestion(name.Value, names(fields(section))))
			continue
		}
		if v := r.value(value, f.value, join(path, name.Value)); v != nil {
			said[name.Value] = v
		}
	}
	return said
}

func (r *fileReader) value(n *yaml.Node, v reflect.Value, path string) any {
	n = resolve(n)
	switch t := v.Type(); {
	case isNull(n):
		return nil
	case isSection(t):
		if section := r.section(n, v, path); section != nil {
			return section
		}
		return nil
	case isList(t):
		return r.list(n, t.Elem(), path)
	case t == textsType && n.Kind == yaml.SequenceNode:
		list := []string{}
		for _, item := range n.Content {
			if item = resolve(item); item.Kind != yaml.ScalarNode {
				r.problem(item, "%s is a list of words", path)
				continue
			}
			list = append(list, item.Value)
		}
		return list
	case n.Kind != yaml.ScalarNode:
		r.problem(n, "%s is a single value", path)
		return nil
	default:
		read, err := parse(n.Value, t)
		if err != nil {
			r.problem(n, "%s: %v", path, err)
			return nil
		}
		return read
	}
}

// list reads a list of sections. What an entry leaves out has the default of its type.
func (r *fileReader) list(n *yaml.Node, t reflect.Type, path string) any {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, "%s is a list: each entry begins with a dash", path)
		return nil
	}
	said := make([]any, 0, len(n.Content))
	for i, item := range n.Content {
		entry := newEntry(t)
		whole := mapped(entry)
		overlay(whole, r.section(item, entry, fmt.Sprintf("%s[%d]", path, i)))
		said = append(said, whole)
	}
	return said
}

// newEntry is a list's entry with its defaults.
func newEntry(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[Cluster]():
		return reflect.ValueOf(defaultCluster())
	case reflect.TypeFor[Topic]():
		return reflect.ValueOf(defaultTopic())
	}
	return reflect.Zero(t)
}

// mapped is a section as a map of its keys.
func mapped(section reflect.Value) map[string]any {
	m := make(map[string]any)
	for _, f := range fields(section) {
		if isSection(f.value.Type()) {
			m[f.name] = mapped(f.value)
		} else {
			m[f.name] = f.value.Interface()
		}
	}
	return m
}

// overlay writes what was said over what is there.
func overlay(there, said map[string]any) {
	for k, v := range said {
		below, isMap := there[k].(map[string]any)
		if above, ok := v.(map[string]any); ok && isMap {
			overlay(below, above)
			continue
		}
		there[k] = v
	}
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func orTop(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func find(all []field, name string) (field, bool) {
	for _, f := range all {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func names(all []field) []string {
	list := make([]string, len(all))
	for i, f := range all {
		list[i] = f.name
	}
	return list
}
