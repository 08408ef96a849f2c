package app

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// secrets are the names of keys, in any section, whose values are kept from eyes. Beside each there is one that names a file which holds the value.
var secrets = []string{"password"}

const (
	fileSuffix = "_file"
	// hidden stands in the place of a secret that is set.
	hidden = "***"
)

// readSecrets puts into section, and all below it, the secrets whose files are named, and takes the names away. A file's last line end is not part of the secret.
func readSecrets(section map[string]any, path string) error {
	var problems []error
	for key, value := range section {
		switch value := value.(type) {
		case map[string]any:
			problems = append(problems, readSecrets(value, join(path, key)))
		case []any:
			for i, entry := range value {
				if below, ok := entry.(map[string]any); ok {
					problems = append(problems, readSecrets(below, fmt.Sprintf("%s[%d]", join(path, key), i)))
				}
			}
		}
	}
	for _, name := range secrets {
		problems = append(problems, readSecret(section, name, join(path, name)))
	}
	return errors.Join(problems...)
}

func readSecret(section map[string]any, name, path string) error {
	file, _ := section[name+fileSuffix].(string)
	delete(section, name+fileSuffix)
	if file == "" {
		return nil
	}
	if given, _ := section[name].(string); given != "" {
		return fmt.Errorf("%s and %s%s are both given: only one can count", path, path, fileSuffix)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%s%s: %w", path, fileSuffix, err)
	}
	section[name] = strings.TrimRight(string(text), "\r\n")
	return nil
}
