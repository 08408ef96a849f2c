package app

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one key of a section, as the mapstructure tag of a struct names it.
type field struct {
	name   string
	value  reflect.Value
	secret bool // to be kept from eyes
	file   bool // names the file that holds a secret; no struct has it
}

// fields are the keys of a section in the order of its struct. A squashed struct's keys are the section's own. After each secret comes the key that names its file.
func fields(section reflect.Value) []field {
	var all []field
	for i := range section.NumField() {
		name, options, _ := strings.Cut(section.Type().Field(i).Tag.Get("mapstructure"), ",")
		switch {
		case options == "squash":
			all = append(all, fields(section.Field(i))...)
		case slices.Contains(secrets, name):
			all = append(all, field{name: name, value: section.Field(i), secret: true}, field{name: name + fileSuffix, value: reflect.ValueOf(""), file: true})
		case name != "" && name != "-":
			all = append(all, field{name: name, value: section.Field(i)})
		}
	}
	return all
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textsType    = reflect.TypeFor[[]string]()
)

// isSection reports whether t holds keys, rather than a value.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct }

// isList reports whether t is a list of sections. Lists of strings are values.
func isList(t reflect.Type) bool { return t.Kind() == reflect.Slice && isSection(t.Elem()) }

// values calls yield with the dotted path of every value in section, in order. Lists of sections are left out: only a file can write them.
func values(section reflect.Value, prefix string, yield func(path string, v reflect.Value)) {
	for _, f := range fields(section) {
		switch path := prefix + f.name; {
		case isSection(f.value.Type()):
			values(f.value, path+".", yield)
		case !isList(f.value.Type()):
			yield(path, f.value)
		}
	}
}

// envName is the environment variable of a path.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// parse reads the text of a value of type t, as the environment, a flag or a scalar of the file has it. Lists are comma-separated.
func parse(text string, t reflect.Type) (any, error) {
	switch {
	case t.Kind() == reflect.Pointer: // a value that may be left unsaid
		return parse(text, t.Elem())
	case t == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no duration: give a number with its unit, as 500ms, 15s or 10m", text)
		}
		return d, nil
	case t == textsType:
		list := []string{}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
		return list, nil
	case t.Kind() == reflect.String:
		return text, nil
	case t.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return b, nil
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, t.Bits())
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", text)
		}
		return n, nil
	case t.Kind() == reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", text)
		}
		return n, nil
	}
	panic(fmt.Sprintf("configuration: no value of type %v can be read", t))
}
