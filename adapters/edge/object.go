package edge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"culvert/domain"
)

// Object is one JSON object from a client, taken apart into its fields. The values are parts of the text that was parsed, byte for byte,
// and are valid as long as it is. The zero Object is empty and may be parsed into again and again.
type Object struct {
	fields []Field
}

// Field is one member of an object.
type Field struct {
	Name  []byte
	Value Value
}

// Value is the text of one JSON value, without white space around it.
type Value []byte

// Parse takes text apart. What is not one JSON object in UTF-8, or names a field twice, is an InvalidRequest error.
func (o *Object) Parse(text []byte) error {
	o.fields = o.fields[:0]
	if !utf8.Valid(text) {
		return domain.Errorf(domain.InvalidRequest, "this is not UTF-8; bytes that are no text go as base64")
	}
	begin := endOfSpace(text, 0)
	if begin == len(text) || text[begin] != '{' {
		if json.Valid(text) {
			return domain.Errorf(domain.InvalidRequest, "this is not a JSON object")
		}
		return notJSON(text)
	}
	var wrong error // with the first field that is
	end := endOfMembers(text, begin, 0, func(name, value []byte) {
		if wrong == nil {
			wrong = o.add(name, value)
		}
	})
	if end == invalid || endOfSpace(text, end) < len(text) {
		return notJSON(text)
	}
	return wrong
}

// add takes a field, whose name is in its quotation marks.
func (o *Object) add(name, value []byte) error {
	key, err := Value(name).bytes()
	if err != nil {
		return err
	}
	for i := range o.fields {
		if bytes.Equal(o.fields[i].Name, key) {
			return domain.Errorf(domain.InvalidRequest, "the field %q is there twice", cut(string(key), maxShown))
		}
	}
	if len(o.fields) == maxFields {
		return domain.Errorf(domain.InvalidRequest, "the object has more than %d fields", maxFields)
	}
	o.fields = append(o.fields, Field{key, Value(value)})
	return nil
}

// maxFields is far more than any object of the protocol has; it keeps the search for a name short.
const maxFields = 32

// maxShown is how much of a client's own words an error repeats, in bytes.
const maxShown = 60

func notJSON(text []byte) error {
	var v json.RawMessage
	why := "it cannot be read"
	if err := json.Unmarshal(text, &v); err != nil {
		why = err.Error()
	}
	return domain.Errorf(domain.InvalidRequest, "this is not JSON: %s", why)
}

// Get is the value of a field, and whether it is there.
func (o *Object) Get(name string) (Value, bool) {
	for i := range o.fields {
		if string(o.fields[i].Name) == name {
			return o.fields[i].Value, true
		}
	}
	return nil, false
}

// Fields are the object's fields in their order. The caller does not change them.
func (o *Object) Fields() []Field { return o.fields }

// Text is the string value of a field; empty where the object lacks it. Any other value is an InvalidRequest error.
func (o *Object) Text(name string) (string, error) {
	v, ok := o.Get(name)
	if !ok {
		return "", nil
	}
	s, err := v.String()
	if err != nil {
		return "", fieldError(name, err)
	}
	return s, nil
}

// Texts is the list of strings that a field holds; nil where the object lacks it. Any other value is an InvalidRequest error.
func (o *Object) Texts(name string) ([]string, error) {
	v, ok := o.Get(name)
	if !ok {
		return nil, nil
	}
	items, ok := v.Items()
	if !ok {
		return nil, domain.Errorf(domain.InvalidRequest, "%s must be a list of strings", name)
	}
	texts := make([]string, len(items))
	for i, item := range items {
		s, err := item.String()
		if err != nil {
			return nil, fieldError(name, err)
		}
		texts[i] = s
	}
	return texts, nil
}

// Int is the number that a field holds, otherwise where the object lacks it. What is no whole number from low to high is an
// InvalidRequest error.
func (o *Object) Int(name string, low, high, otherwise int64) (int64, error) {
	v, ok := o.Get(name)
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || n < low || n > high {
		return 0, domain.Errorf(domain.InvalidRequest, "%s must be a whole number from %d to %d", name, low, high)
	}
	return n, nil
}

// Only refuses an object with a field that is not among known: a misspelt field would be lost without a word.
func (o *Object) Only(known ...string) error {
	for _, f := range o.fields {
		if !slices.Contains(known, string(f.Name)) {
			return domain.Errorf(domain.InvalidRequest, "the field %q is unknown here; known are %s", cut(string(f.Name), maxShown), strings.Join(known, ", "))
		}
	}
	return nil
}

// Null reports whether v is null.
func (v Value) Null() bool { return string(v) == "null" }

// String is the text of a JSON string. Anything else, and a string with half a surrogate pair, which no UTF-8 can hold, is
// an InvalidRequest error.
func (v Value) String() (string, error) {
	b, err := v.bytes()
	return string(b), err
}

// Bytes is the text of a JSON string as bytes of the caller's own, never nil. Its errors are those of String.
func (v Value) Bytes() ([]byte, error) {
	b, err := v.bytes()
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(b)), b...), nil
}

// bytes are those of Bytes; where nothing is escaped they are a part of v.
func (v Value) bytes() ([]byte, error) {
	if len(v) < 2 || v[0] != '"' {
		return nil, domain.Errorf(domain.InvalidRequest, "this must be a string")
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	return unescape(inner)
}

// Base64 are the bytes of a JSON string of base64 (RFC 4648 §4), never nil. Anything else is an InvalidRequest error.
func (v Value) Base64() ([]byte, error) {
	text, err := v.bytes()
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, base64.StdEncoding.DecodedLen(len(text)))
	if b, err = base64.StdEncoding.Strict().AppendDecode(b, text); err != nil {
		return nil, domain.Errorf(domain.InvalidRequest, "this must be base64 with its padding (RFC 4648 §4): %v", err)
	}
	return b, nil
}

// Items are the values of a JSON array, and whether v is one.
func (v Value) Items() ([]Value, bool) {
	if len(v) == 0 || v[0] != '[' {
		return nil, false
	}
	items := []Value{}
	end := endOfItems(v, 0, 0, func(item []byte) { items = append(items, item) })
	return items, end == len(v)
}

// unescape resolves the escapes of a valid JSON string's inside.
func unescape(s []byte) ([]byte, error) {
	dst := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		c := s[i+1]
		i += 2
		if c != 'u' {
			dst = append(dst, plainEscape(c))
			continue
		}
		r := hexRune(s[i : i+4])
		i += 4
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if len(s) >= i+6 && s[i] == '\\' && s[i+1] == 'u' {
				low = hexRune(s[i+2 : i+6])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return nil, domain.Errorf(domain.InvalidRequest, "the string has half a surrogate pair; bytes that are no text go as base64")
			}
			i += 6
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, nil
}

func plainEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // one of " \ /
}

func hexRune(s []byte) rune {
	n := rune(0)
	for _, c := range s {
		switch {
		case c <= '9':
			n = n<<4 | rune(c-'0')
		default:
			n = n<<4 | rune(c|0x20-'a'+10)
		}
	}
	return n
}

func fieldError(name string, err error) error {
	return domain.Errorf(domain.InvalidRequest, "%s: %s", name, domain.AsError(err).Detail)
}
