package described

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"culvert/adapters/edge/spec"
)

// The pages' names, as they refer to each other.
const (
	openAPI  = "https://bridge.example/openapi.yaml"
	asyncAPI = "https://bridge.example/asyncapi.yaml"
)

// object is one of a page.
type object = map[string]any

// descriptions are both pages.
type descriptions struct {
	http     *openapi3.T
	pages    closing             // in which what they do not name is wrong
	channels map[string]*channel // by their addresses
	judged   tally

	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// load reads the pages, once.
var load = sync.OnceValues(func() (*descriptions, error) {
	calls, err := read(spec.OpenAPI)
	if err != nil {
		return nil, err
	}
	frames, err := read(spec.AsyncAPI)
	if err != nil {
		return nil, err
	}
	d := &descriptions{pages: closing{openAPI: calls, asyncAPI: frames}, compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.pages.all()
	// As it is published: kin-openapi takes a schema beside a reference for a part, which cannot know what the others name.
	if d.http, err = openapi3.NewLoader().LoadFromData(spec.OpenAPI); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	for name, page := range d.pages {
		if err := d.compiler.AddResource(name, page); err != nil {
			return nil, err
		}
	}
	d.channels, err = d.readChannels()
	return d, err
})

// read reads YAML as JSON has it.
func read(text []byte) (object, error) {
	var page any
	if err := yaml.Unmarshal(text, &page); err != nil {
		return nil, err
	}
	text, err := json.Marshal(page)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return value.(object), nil
}

// closing makes the schemas of pages refuse what they do not name. A page of ours describes all that our bridge says; to others it leaves room for more.
type closing map[string]object

func (c closing) all() {
	for name, page := range c {
		c.find(name, page)
	}
}

// find closes all schemas below value, which is none itself.
func (c closing) find(page string, value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			c.find(page, one)
		}
	case object:
		for name, one := range value {
			switch name {
			case "schema", "payload", "x-item-schema":
				c.close(page, one, true)
			case "schemas":
				// They may be parts of others, so that only what is inside is closed.
				for _, schema := range one.(object) {
					c.close(page, schema, false)
				}
			case "example", "examples":
			default:
				c.find(page, one)
			}
		}
	}
}

// close closes a schema. whole says that it describes a value by itself, not together with others.
func (c closing) close(page string, value any, whole bool) {
	schema, ok := value.(object)
	if !ok {
		return
	}
	if _, said := schema["additionalProperties"]; whole && !said && c.objects(page, schema) {
		schema["unevaluatedProperties"] = false
	}
	for name, part := range schema {
		switch name {
		case "properties":
			for _, property := range part.(object) {
				c.close(page, property, true)
			}
		case "items", "additionalProperties":
			c.close(page, part, true)
		case "allOf", "oneOf", "anyOf":
			for _, one := range part.([]any) {
				c.close(page, one, false)
			}
		}
	}
}

// objects reports whether a schema names the members of an object.
func (c closing) objects(page string, schema object) bool {
	if ref, ok := schema["$ref"].(string); ok {
		target, at := c.follow(page, ref)
		return c.objects(at, target)
	}
	if _, ok := schema["properties"]; ok || schema["type"] == "object" {
		return true
	}
	for _, name := range []string{"allOf", "oneOf", "anyOf"} {
		parts, _ := schema[name].([]any)
		for _, part := range parts {
			if c.objects(page, part.(object)) {
				return true
			}
		}
	}
	return false
}

// follow finds what a reference of a page refers to, and the page where that is.
func (c closing) follow(page, ref string) (object, string) {
	file, pointer, _ := strings.Cut(ref, "#")
	if file != "" {
		page = openAPI
	}
	return at(c[page], pointer), page
}

// at follows a pointer (RFC 6901) to an object of a page.
func at(page object, pointer string) object {
	value := page
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name = strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		value, _ = value[name].(object)
	}
	return value
}

// schema compiles the one at a place, once.
func (d *descriptions) schema(place string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.compiled[place]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(place)
	if err != nil {
		return nil, err
	}
	d.compiled[place] = s
	return s, nil
}

// validate judges the descriptions themselves, their examples included, as they are published.
func validate(ctx context.Context) error {
	page, err := openapi3.NewLoader().LoadFromData(spec.OpenAPI)
	if err != nil {
		return err
	}
	return page.Validate(ctx, openapi3.EnableExamplesValidation())
}
