package app

import (
	"bytes"
	"fmt"
	"reflect"

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
	for _, f := range fields(section) {
		var value *yaml.Node
		switch {
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
			value = scalar(fmt.Sprint(f.value.Interface()))
		case f.secret && f.value.String() != "":
			value = scalar(hidden)
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

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
