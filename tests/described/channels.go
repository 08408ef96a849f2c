package described

import (
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// channel is what asyncapi.yaml says of one address.
type channel struct {
	sent  []*message // by the bridge
	heard []*message // by it
}

// message is one kind of event, line or frame.
type message struct {
	name        string
	contentType string
	op          string             // of a frame, as its payload says; empty where that says none
	fields      *jsonschema.Schema // of SSE: event, id and retry; nil where there are none
	payload     *jsonschema.Schema
	examples    []any
}

// readChannels finds which messages go which way, by the operations.
func (d *descriptions) readChannels() (map[string]*channel, error) {
	page := d.pages[asyncAPI]
	all := map[string]*channel{}
	for _, one := range page["operations"].(object) {
		operation := one.(object)
		described, _ := d.pages.follow(asyncAPI, refOf(operation["channel"]))
		address := described["address"].(string)
		if all[address] == nil {
			all[address] = &channel{}
		}
		said := func(list any) ([]*message, error) { return d.messages(described, list) }
		list, err := said(operation["messages"])
		if err != nil {
			return nil, err
		}
		if operation["action"] == "send" {
			all[address].sent = append(all[address].sent, list...)
			continue
		}
		all[address].heard = append(all[address].heard, list...)
		if reply, ok := operation["reply"].(object); ok {
			answers, err := said(reply["messages"])
			if err != nil {
				return nil, err
			}
			all[address].sent = append(all[address].sent, answers...)
		}
	}
	return all, nil
}

// messages are those of a list of references, or, where there is none, all of the channel.
func (d *descriptions) messages(described object, list any) (all []*message, err error) {
	own := described["messages"].(object)
	var names []string
	if listed, ok := list.([]any); ok {
		for _, one := range listed {
			ref := refOf(one)
			names = append(names, ref[strings.LastIndexByte(ref, '/')+1:])
		}
	} else {
		for name := range own {
			names = append(names, name)
		}
	}
	for _, name := range names {
		m, err := d.message(name, refOf(own[name]))
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (d *descriptions) message(name, ref string) (*message, error) {
	described, _ := d.pages.follow(asyncAPI, ref)
	m := &message{name: name, op: d.pages.op(asyncAPI, described["payload"])}
	m.contentType, _ = described["contentType"].(string)
	m.examples, _ = described["examples"].([]any)
	var err error
	if _, ok := described["headers"]; ok {
		if m.fields, err = d.schema(asyncAPI + ref + "/headers"); err != nil {
			return nil, err
		}
	}
	m.payload, err = d.schema(asyncAPI + ref + "/payload")
	return m, err
}

// op is the op that all objects of a schema have; empty where there is none.
func (c closing) op(page string, value any) string {
	schema, _ := value.(object)
	if ref := refOf(schema); ref != "" {
		target, at := c.follow(page, ref)
		return c.op(at, target)
	}
	properties, _ := schema["properties"].(object)
	described, _ := properties["op"].(object)
	if op, ok := described["const"].(string); ok {
		return op
	}
	parts, _ := schema["allOf"].([]any)
	for _, part := range parts {
		if op := c.op(page, part); op != "" {
			return op
		}
	}
	return ""
}

func refOf(value any) string {
	object, _ := value.(object)
	ref, _ := object["$ref"].(string)
	return ref
}
