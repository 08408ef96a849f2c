package described

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"culvert/adapters/edge/spec"
	"culvert/tests/brokers"
)

func TestOpenAPIIsValid(t *testing.T) {
	if err := validate(t.Context()); err != nil {
		t.Error(err)
	}
}

// What the parser has to say is of what is wrong, but for these.
var known = []string{
	"asyncapi-latest-version", // 3.1 adds nothing that is needed here, and tools know 3.0
}

func TestAsyncAPIIsValid(t *testing.T) {
	// A parser that finds nothing wrong in anything would be none.
	broken := strings.Replace(string(spec.AsyncAPI), "./openapi.yaml#/components/schemas/Gap'", "./openapi.yaml#/components/schemas/Gasp'", 1)
	folder, wrong := published(t, spec.AsyncAPI), published(t, []byte(broken))
	seen := false
	for _, line := range diagnose(t, folder, wrong) {
		at, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(rest, " ")
		switch {
		case slices.Contains(known, code):
		case at == wrong:
			seen = true
		default:
			t.Error(rest)
		}
	}
	if !seen {
		t.Error("the parser accepts a reference to nothing")
	}
}

// published gives a folder with openapi.yaml and this asyncapi.yaml.
func published(t *testing.T, frames []byte) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string][]byte{"openapi.yaml": spec.OpenAPI, "asyncapi.yaml": frames} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// diagnose gives what AsyncAPI's own parser finds in folders: lines of the folder, a code, and words.
func diagnose(t *testing.T, folders ...string) []string {
	t.Helper()
	command := brokers.Node(t.Context(), t, "testdata/asyncapi.mjs", folders...)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe() // which keeps it alive
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	text, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// The parser does not look into schemas that are in another file.
func TestExamplesAreAsTheirSchemasSay(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for address, c := range d.channels {
		for _, m := range slices.Concat(c.sent, c.heard) {
			seen[m.name] = true
			if len(m.examples) == 0 {
				t.Errorf("%s: %s has no example", address, m.name)
			}
			for _, one := range m.examples {
				example := one.(object)
				if err := m.payload.Validate(example["payload"]); err != nil {
					t.Errorf("%s: %s: %v", address, m.name, err)
				}
				if m.fields == nil {
					continue
				}
				if err := m.fields.Validate(example["headers"]); err != nil {
					t.Errorf("%s: %s: %v", address, m.name, err)
				}
			}
		}
	}
	if len(seen) < 25 {
		t.Errorf("only %d kinds of messages were looked at", len(seen))
	}
}

// What is described and used by nothing is what nobody will hear of when it is wrong.
func TestEveryMessageIsSentOrHeard(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(d.pages[asyncAPI])
	if err != nil {
		t.Fatal(err)
	}
	components := d.pages[asyncAPI]["components"].(object)
	for _, kind := range []string{"messages", "schemas"} {
		for name := range components[kind].(object) {
			if !strings.Contains(string(text), `"#/components/`+kind+"/"+name+`"`) {
				t.Errorf("asyncapi.yaml: components.%s.%s is used nowhere", kind, name)
			}
		}
	}
	for name, one := range d.pages[asyncAPI]["channels"].(object) {
		described := one.(object)
		c := d.channels[described["address"].(string)]
		for kind := range described["messages"].(object) {
			named := func(m *message) bool { return m.name == kind }
			if !slices.ContainsFunc(c.sent, named) && !slices.ContainsFunc(c.heard, named) {
				t.Errorf("asyncapi.yaml: %s of channel %s is in no operation", kind, name)
			}
		}
	}
}

// The registry is that of docs/protocol.md: each code with its status, as a response, and the code that a WebSocket closes with.
func TestRegistry(t *testing.T) {
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([0-9]{3}) \\| ([0-9]{4}|–) \\|").FindAllStringSubmatch(string(text), -1)
	if len(rows) < 15 {
		t.Fatalf("docs/protocol.md has %d codes", len(rows))
	}
	components := d.pages[openAPI]["components"].(object)
	codes := map[string]bool{}
	for _, code := range at(components, "/schemas/ErrorCode")["enum"].([]any) {
		codes[code.(string)] = true
	}
	closes := d.pages[asyncAPI]["x-close-codes"].(object)
	responses := map[string]string{} // the statuses of codes
	for _, one := range components["responses"].(object) {
		parts, _ := at(one.(object), "/content/application~1problem+json/schema")["allOf"].([]any)
		if parts == nil {
			continue
		}
		code, status := at(parts[1].(object), "/properties/code"), at(parts[1].(object), "/properties/status")["const"].(json.Number)
		list, _ := code["enum"].([]any)
		if list == nil {
			list = []any{code["const"]}
		}
		for _, name := range list {
			if before := responses[name.(string)]; before != "" && before != status.String() {
				t.Errorf("%s is %s and %s", name, before, status)
			}
			responses[name.(string)] = status.String()
		}
	}
	for _, row := range rows {
		code, status, ends := row[1], row[2], row[3]
		if !codes[code] {
			t.Errorf("openapi.yaml: ErrorCode lacks %s", code)
		}
		delete(codes, code)
		if responses[code] != status {
			t.Errorf("openapi.yaml: %s is told with %q, want %s", code, responses[code], status)
		}
		told, _ := closes[code].(json.Number)
		want := ends
		if _, err := strconv.Atoi(ends); err != nil {
			want = ""
		}
		if told.String() != want {
			t.Errorf("asyncapi.yaml: %s closes with %q, want %q", code, told, want)
		}
	}
	for code := range codes {
		t.Errorf("openapi.yaml: ErrorCode has %s, which docs/protocol.md does not know", code)
	}
}
