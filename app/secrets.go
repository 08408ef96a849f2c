package app

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// fileSuffix makes the name of a key beside a secret, that names the file which holds it. A key is a secret where there is such a one beside it.
const fileSuffix = "_file"

// hidden stands in the place of a secret that is set.
const hidden = "***"

// isSecret reports whether the value of a section's key is to be kept from eyes.
func isSecret(section []field, name string) bool {
	f, ok := find(section, name)
	if !ok || f.value.Kind() != reflect.String {
		return false
	}
	beside, ok := find(section, name+fileSuffix)
	return ok && beside.value.Kind() == reflect.String
}

// readSecrets fills the secrets whose files are named. A file's last line end is not part of the secret.
func readSecrets(cfg *Config) error {
	return errors.Join(secretsOf(reflect.ValueOf(cfg).Elem(), "")...)
}

func secretsOf(section reflect.Value, path string) (problems []error) {
	all := fields(section)
	for _, f := range all {
		at := join(path, f.name)
		switch {
		case isSection(f.value.Type()):
			problems = append(problems, secretsOf(f.value, at)...)
		case isList(f.value.Type()):
			for i := range f.value.Len() {
				problems = append(problems, secretsOf(f.value.Index(i), fmt.Sprintf("%s[%d]", at, i))...)
			}
		case isSecret(all, f.name):
			file, _ := find(all, f.name+fileSuffix)
			problems = append(problems, readSecret(f.value, file.value.String(), at))
		}
	}
	return problems
}

func readSecret(secret reflect.Value, file, path string) error {
	if file == "" {
		return nil
	}
	if secret.String() != "" {
		return fmt.Errorf("%s and %s%s are both given: only one can count", path, path, fileSuffix)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s%s: %w", path, fileSuffix, err)
	}
	secret.SetString(strings.TrimRight(string(text), "\r\n"))
	return nil
}
