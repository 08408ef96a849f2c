package app

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"culvert/adapters/edge/admin"
)

// sources tell of values that are no defaults who has said them, by their dotted paths. Lists of sections are values here, which a file has said.
type sources map[string]admin.Source

// by notes who says path. What a secret's file says, the secret is.
func (s sources) by(path string, source admin.Source) {
	s[strings.TrimSuffix(path, fileSuffix)] = source
}

// file notes what a file says.
func (s sources) file(section map[string]any, prefix string) {
	for key, value := range section {
		if below, ok := value.(map[string]any); ok {
			s.file(below, prefix+key+".")
			continue
		}
		s.by(prefix+key, admin.SourceFile)
	}
}

// Settings are all values of cfg, in the order of Print and as it prints them, each with who has said it.
func (c Config) settings() []admin.Setting {
	standard := make(map[string]any)
	for _, s := range settingsOf(reflect.ValueOf(Default()), "", nil) {
		standard[s.Key] = s.Value
	}
	all := settingsOf(reflect.ValueOf(c), "", nil)
	for i := range all {
		s := &all[i]
		list, _, _ := strings.Cut(s.Key, "[")
		switch said, ok := c.said[list]; {
		case ok:
			s.Source = said
		case reflect.DeepEqual(s.Value, standard[s.Key]):
			s.Source = admin.SourceDefault
		default:
			s.Source = admin.SourceProgram
		}
	}
	return all
}

func settingsOf(section reflect.Value, prefix string, all []admin.Setting) []admin.Setting {
	cluster, isCluster := section.Interface().(Cluster)
	for _, f := range fields(section) {
		path, t := prefix+f.name, f.value.Type()
		switch {
		case isCluster && isSection(t) && f.name != cluster.Kind, f.file: // as for printed
			continue
		case isSection(t):
			all = settingsOf(f.value, path+".", all)
			continue
		case isList(t) && f.value.Len() > 0:
			for i := range f.value.Len() {
				all = settingsOf(f.value.Index(i), fmt.Sprintf("%s[%d].", path, i), all)
			}
			continue
		}
		all = append(all, admin.Setting{Key: path, Value: settingOf(f), Secret: f.secret})
	}
	return all
}

// settingOf is a value as people write it.
func settingOf(f field) any {
	switch v := f.value; {
	case isList(v.Type()):
		return []string{} // an empty one
	case v.Type() == durationType:
		return short(time.Duration(v.Int()))
	case v.Kind() == reflect.Pointer && v.IsNil():
		return nil
	case v.Kind() == reflect.Pointer:
		return settingOf(field{value: v.Elem(), secret: f.secret})
	case v.Type() == textsType:
		texts := make([]string, v.Len())
		for i := range texts {
			texts[i] = withoutPassword(v.Index(i).String())
		}
		return texts
	case f.secret && v.String() != "":
		return hidden
	case v.Kind() == reflect.String:
		return withoutPassword(v.String())
	default:
		return v.Interface()
	}
}
