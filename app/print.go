package app

import (
	"bytes"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Print gives cfg as a configuration file: every key with its value, in order. Secrets are hidden.
func Print(cfg Config) string {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(printed(reflect.ValueOf(cfg))); err != nil {
		panic(fmt.Sprintf("configuration: %v", err)) // a tree of plain nodes can always be written
	}
	return text.String()
}

func printed(section reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	cluster, isCluster := section.Interface().(Cluster)
	for _, f := range fields(section) {
		var value *yaml.Node
		switch {
		case isCluster && isSection(f.value.Type()) && f.name != cluster.Kind: // the sections of other kinds mean nothing
			continue
		case f.file: // what it named has been read
			continue
		case isSection(f.value.Type()):
			value = printed(f.value)
		case isList(f.value.Type()):
			value = &yaml.Node{Kind: yaml.SequenceNode}
			for i := range f.value.Len() {
				value.Content = append(value.Content, printed(f.value.Index(i)))
			}
		case f.value.Type() == durationType:
			value = scalar(short(time.Duration(f.value.Int())))
		case f.secret && f.value.String() != "":
			value = scalar(hidden)
		case f.value.Kind() == reflect.String:
			value = new(yaml.Node)
			value.SetString(withoutPassword(f.value.String()))
		default:
			value = new(yaml.Node)
			if err := value.Encode(f.value.Interface()); err != nil {
				panic(fmt.Sprintf("configuration: %s: %v", f.name, err))
			}
		}
		if value.Kind == yaml.SequenceNode && len(value.Content) == 0 {
			value.Style = yaml.FlowStyle
		}
		n.Content = append(n.Content, scalar(f.name), value)
	}
	return n
}

// withoutPassword hides the password in a URL. Other text is what it is.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	return u.Redacted()
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

// short is d without the units that are nothing: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, nothing) {
			text = text[:len(text)-2]
		}
	}
	return text
}
