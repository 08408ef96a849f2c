package edge

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// seeds are texts that are JSON, and some that nearly are.
var seeds = []string{
	`{}`, ` {"a" : 1 , "b":[1,2.5e-3,-0,"x\n",null,true,false,{"c":{}}]}` + "\r\n\t", `[]`, `[ [ ] , {} ]`, `""`, `"` + strings.Repeat("long enough", 5) + `\u00e9\"\\é"`,
	`-1.0E+10`, `0`, `01`, `1.`, `.5`, `-`, `1e`, `+1`, `tru`, `nulll`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `[1,]`, `[,]`, `[1 2]`, `{"a":1 "b":2}`, `"\x"`, `"\u12g4"`, `"\u12`, "\"a\tb\"", "\"12345678\x1f\"",
	"\"\x7f\x80\xff\"", `{"a":1}}`, `{"a":1} x`, ``, ` `, `{`, `[`, `"`, `"\`, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
}

func FuzzScan(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if isJSON(text) != json.Valid(text) {
			t.Fatalf("%q is JSON: %t; encoding/json says %t", text, isJSON(text), json.Valid(text))
		}
		if !isJSON(text) {
			return
		}
		begin := endOfSpace(text, 0)
		end := endOfValue(text, begin, 0)
		var whole json.RawMessage
		if err := json.Unmarshal(text, &whole); err != nil || !bytes.Equal(whole, text[begin:end]) {
			t.Fatalf("of %q the value is %q; encoding/json says %q (%v)", text, text[begin:end], whole, err)
		}
		var items []json.RawMessage
		if text[begin] == '[' && json.Unmarshal(text, &items) == nil {
			if got, ok := Value(text[begin:end]).Items(); !ok || !slices.EqualFunc(got, items, func(a Value, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
				t.Fatalf("of %q the items are %q", text, got)
			}
		}
	})
}

// Objects that hold no name twice and few fields are those of encoding/json.
func FuzzObject(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var o Object
		if o.Parse(text) != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil || len(want) != len(o.Fields()) {
			t.Fatalf("%q has %d fields: %v", text, len(o.Fields()), err)
		}
		for _, field := range o.Fields() {
			if value, ok := want[string(field.Name)]; !ok || !bytes.Equal(value, field.Value) {
				t.Fatalf("%q of %q is %q, want %q", field.Name, text, field.Value, value)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"op":"pub","id":"00001234","topic":"orders","payload":{"p":"00000001","n":"00001234","pad":"` + strings.Repeat("x", 60) + `"}}`)
	var o Object
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
