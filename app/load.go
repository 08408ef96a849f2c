package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"culvert/adapters/edge/admin"
)

const (
	envPrefix = "CULVERT_"
	// envFile names the configuration file where no flag does.
	envFile = envPrefix + "CONFIG"
	// envTest begins the names that belong to the tests.
	envTest = envPrefix + "TEST_"
	// By these the commands that are clients of a running bridge are told where it is, and who they are. To a bridge they say nothing.
	envURL   = envPrefix + "URL"
	envToken = envPrefix + "TOKEN" // #nosec G101 -- the name of a variable
)

// Load makes the configuration: the defaults, over them what the file says, over that the environment, over that set, which holds
// values by their dotted path, as flags give them. Where path is empty, the environment's CULVERT_CONFIG names the file; where it names none, there is none.
// A variable that is set to nothing counts as not set.
//
// The result has been validated. An error joins all that is wrong, each with where it was said.
func Load(path string, set map[string]string) (Config, error) {
	if path == "" {
		path = os.Getenv(envFile)
	}
	v := viper.New()
	types := make(map[string]reflect.Type)
	values(reflect.ValueOf(Default()), "", func(path string, value reflect.Value) {
		types[path] = value.Type()
		v.SetDefault(path, value.Interface())
	})

	var problems []error
	said := make(sources)
	if path != "" {
		text, err := readFile(path)
		problems = append(problems, err)
		said.file(text, "")
		problems = append(problems, v.MergeConfigMap(text))
	}
	problems = append(problems, sayEnvironment(v, types, said)...)
	problems = append(problems, sayFlags(v, types, set, said)...)
	if err := errors.Join(problems...); err != nil {
		return Config{}, err
	}

	all := v.AllSettings()
	if err := readSecrets(all, ""); err != nil {
		return Config{}, err
	}
	whole := viper.New()
	if err := whole.MergeConfigMap(all); err != nil {
		return Config{}, err
	}
	var cfg Config
	if err := whole.UnmarshalExact(&cfg); err != nil {
		return Config{}, err
	}
	cfg.said = said
	return cfg, cfg.Validate()
}

// ofServices fits what Kubernetes tells the programs in a namespace of its services: of one that is called culvert, or culvert-admin, by names that begin like ours.
const ofServices = `^CULVERT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`

// sayEnvironment lets the variable of each path count. A variable that begins like ours and is none is refused: it was meant to say something.
func sayEnvironment(v *viper.Viper, types map[string]reflect.Type, said sources) (problems []error) {
	services := regexp.MustCompile(ofServices)
	known := make(map[string]string, len(types))
	for path := range types {
		known[envName(path)] = path
	}
	for _, entry := range os.Environ() {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envTest) || name == envFile || name == envURL || name == envToken || text == "" {
			continue
		}
		path, ok := known[name]
		if !ok && services.MatchString(name) {
			continue
		}
		if !ok {
			candidates := append(slices.Sorted(maps.Keys(known)), envFile)
			problems = append(problems, fmt.Errorf("unknown environment variable %s%s", name, suggestion(name, candidates)))
			continue
		}
		problems = append(problems, say(v, path, text, types[path], name))
		said.by(path, admin.SourceEnvironment)
	}
	return problems
}

// sayFlags lets what flags say count.
func sayFlags(v *viper.Viper, types map[string]reflect.Type, set map[string]string, said sources) (problems []error) {
	for _, path := range slices.Sorted(maps.Keys(set)) {
		t, ok := types[path]
		if !ok {
			problems = append(problems, fmt.Errorf("unknown key %s%s", path, suggestion(path, slices.Sorted(maps.Keys(types)))))
			continue
		}
		problems = append(problems, say(v, path, set[path], t, path))
		said.by(path, admin.SourceFlag)
	}
	return problems
}

// say gives path a value over all that was said before. by names, for people, who says it.
func say(v *viper.Viper, path, text string, t reflect.Type, by string) error {
	value, err := parse(text, t)
	if err != nil {
		return fmt.Errorf("%s: %w", by, err)
	}
	v.Set(path, value)
	return nil
}
