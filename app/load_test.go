package app

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// write makes a configuration file of the test's own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "culvert.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string, set map[string]string) Config {
	t.Helper()
	cfg, err := Load(path, set)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestNothingSaidIsTheDefault(t *testing.T) {
	for name, path := range map[string]string{"no file": "", "an empty file": write(t, ""), "comments only": write(t, "# nothing\n"), "empty sections": write(t, "kafka:\nqueue: {}\n")} {
		if got, want := load(t, path, nil), Default(); Print(got) != Print(want) {
			t.Errorf("%s gives\n%s\nwant\n%s", name, Print(got), Print(want))
		}
	}
}

func TestFileThenEnvironmentThenFlags(t *testing.T) {
	path := write(t, "listen: 127.0.0.1:1\nbroker: kafka\nshutdown: {timeout: 20s}\n")
	t.Setenv("CULVERT_LISTEN", "127.0.0.1:2")
	t.Setenv("CULVERT_SHUTDOWN_TIMEOUT", "30s")
	t.Setenv("CULVERT_ADMIN_PPROF", "true")
	t.Setenv("CULVERT_LIMITS_HEADERS", "7")
	t.Setenv("CULVERT_KAFKA_BROKERS", "a:9092, b:9092")
	t.Setenv("CULVERT_LOG_LEVEL", "") // counts as not set
	cfg := load(t, path, map[string]string{"listen": "127.0.0.1:3", "http.origins": "https://a.example,https://b.example"})
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"a flag over all", cfg.Listen, "127.0.0.1:3"},
		{"the environment over the file", cfg.Shutdown.Timeout, 30 * time.Second},
		{"the file over the defaults", cfg.Broker, "kafka"},
		{"a switch from the environment", cfg.Admin.PProf, true},
		{"a number from the environment", cfg.Limits.Headers, 7},
		{"a list from the environment", cfg.Kafka.Brokers, []string{"a:9092", "b:9092"}},
		{"a list from a flag", cfg.HTTP.Origins, []string{"https://a.example", "https://b.example"}},
		{"an empty variable", cfg.Log.Level, "info"},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestEnvironmentNamesTheFile(t *testing.T) {
	t.Setenv("CULVERT_CONFIG", write(t, "listen: 127.0.0.1:1\n"))
	if got := load(t, "", nil).Listen; got != "127.0.0.1:1" {
		t.Errorf("listen is %s", got)
	}
	if got := load(t, write(t, "listen: 127.0.0.1:2\n"), nil).Listen; got != "127.0.0.1:2" {
		t.Errorf("where a flag names another file, listen is %s", got)
	}
}

func TestListsOfSections(t *testing.T) {
	cfg := load(t, write(t, `
brokers:
  - name: archive
    kind: kafka
    kafka:
      brokers: [archive:9092]
topics:
  - name: logs.*
    broker: archive
    physical: prod.logs.*
  - {name: secret, allow: false}
queue:
  rules:
    - {queue: billing, lease: 2m, max_attempts: 0}
    - {queue: other}
`), nil)
	if len(cfg.Brokers) != 1 || len(cfg.Topics) != 2 || len(cfg.Queue.Rules) != 2 {
		t.Fatalf("there are %d brokers, %d topics and %d rules", len(cfg.Brokers), len(cfg.Topics), len(cfg.Queue.Rules))
	}
	want := defaultCluster()
	want.Name, want.Kind, want.Kafka.Brokers = "archive", "kafka", []string{"archive:9092"}
	if !reflect.DeepEqual(cfg.Brokers[0], want) {
		t.Errorf("what an entry leaves out does not have its default:\n%+v\nwant\n%+v", cfg.Brokers[0], want)
	}
	if got, want := cfg.Topics[0], (Topic{Name: "logs.*", Allow: true, Broker: "archive", Physical: "prod.logs.*"}); got != want {
		t.Errorf("the first topic is %+v, want %+v", got, want)
	}
	if cfg.Topics[1].Allow {
		t.Error("a topic that is not allowed is")
	}
	if r := cfg.Queue.Rules[0]; r.Lease != 2*time.Minute || r.MaxAttempts == nil || *r.MaxAttempts != 0 {
		t.Errorf("the first rule is %+v", r)
	}
	if r := cfg.Queue.Rules[1]; r.MaxAttempts != nil {
		t.Errorf("a rule that does not say max_attempts has %d", *r.MaxAttempts)
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	for _, c := range []struct {
		file string
		env  string // NAME=value
		set  string // key=value
		want []string
	}{
		{file: "listn: x\n", want: []string{"culvert.yaml:1: unknown key listn; did you mean listen?"}},
		{file: "kafka:\n  borkers: [a:1]\n", want: []string{"culvert.yaml:2: unknown key kafka.borkers; did you mean brokers?"}},
		{file: "Listen: x\n", want: []string{"unknown key Listen; did you mean listen?"}},
		{file: "kafka.brokers: x\n", want: []string{"unknown key kafka.brokers"}},
		{file: "brokers:\n  - name: a\n    kind: kafka\n    kafak: {}\n", want: []string{"culvert.yaml:4: unknown key brokers[0].kafak; did you mean kafka?"}},
		{file: "listen: a:1\nlisten: b:1\n", want: []string{"listen is there twice"}},
		{file: "listen: [a]\n", want: []string{"culvert.yaml:1: listen is a single value"}},
		{file: "kafka: yes\n", want: []string{"kafka holds keys, not a value"}},
		{file: "topics: {name: a}\n", want: []string{"topics is a list: each entry begins with a dash"}},
		{file: "shutdown: {timeout: 15}\n", want: []string{`shutdown.timeout: "15" is no duration: give a number with its unit`}},
		{file: "limits: {headers: many}\n", want: []string{`limits.headers: "many" is no whole number`}},
		{file: "limits: {headers: 1.5}\n", want: []string{`limits.headers: "1.5" is no whole number`}},
		{file: "admin: {pprof: perhaps}\n", want: []string{`admin.pprof: "perhaps" is neither true nor false`}},
		{file: "listn: x\nbrokr: y\n", want: []string{"unknown key listn", "unknown key brokr"}},
		{file: "a: b\n---\nc: d\n", want: []string{"one file holds one configuration"}},
		{file: ": [", want: []string{"culvert.yaml"}},
		{env: "CULVERT_KAFKA_BROKER=a:1", want: []string{"unknown environment variable CULVERT_KAFKA_BROKER; did you mean CULVERT_KAFKA_BROKERS?"}},
		{env: "CULVERT_SHUTDOWN_TIMEOUT=15", want: []string{`CULVERT_SHUTDOWN_TIMEOUT: "15" is no duration`}},
		{set: "lisen=a:1", want: []string{"unknown key lisen; did you mean listen?"}},
		{set: "limits.headers=x", want: []string{`limits.headers: "x" is no whole number`}},

		{set: "listen=8080", want: []string{`listen is "8080": give host and port`}},
		{set: "admin.listen=127.0.0.1:8080", want: []string{"listen and admin.listen are both 127.0.0.1:8080"}},
		{set: "broker=kafak", want: []string{`there is no broker "kafak": it is one of inproc, kafka, amqp; did you mean kafka?`}},
		{set: "log.level=loud", want: []string{`log.level is "loud": it is one of`}},
		{set: "log.format=xml", want: []string{`log.format is "xml": it is one of`}},
		{set: "shutdown.timeout=6s", want: []string{"queue.drain_grace (5s) must be shorter than four fifths of shutdown.timeout (6s)"}},
		{set: "subscribe.window.bytes=1000", want: []string{"subscribe.window.bytes (1000) must hold at least one message of the largest size"}},
		{set: "rest.batch_bytes=1000", want: []string{"rest.batch_bytes (1000) must hold at least one message of the largest size"}}, // it was taken, and single messages went where none of a batch did
		{set: "http.header_bytes=5000", want: []string{"http.header_bytes (5000) must hold what a message may carry in the head of a POST"}},
		{file: "brokers: [{name: kafka, kind: kafka}]\n", want: []string{`brokers[0] is named "kafka" like a kind of broker`}},
		{file: "brokers: [{kind: kafka}]\n", want: []string{"brokers[0] has no name"}},
		{file: "brokers: [{name: a, kind: kafka}, {name: a, kind: inproc}]\n", want: []string{`brokers[1] is the second one named "a"`}},
		{file: "broker: amqp\namqp: {url: \"amqp://me:se cret@host\"}\n", want: []string{`amqp.url cannot be read`}},
		{file: "broker: amqp\nqueue: {max_hold: 27m}\n", want: []string{`queue.max_hold (27m0s) must be more than 0 and shorter than 27m0s, which is nine tenths of amqp.consumer_timeout of broker amqp`}},
		{file: "queue: {rules: [{lease: 1h}]}\n", want: []string{`queue.max_hold is 25m0s: it must be 0 (no limit), or not shorter than the longest lease, which is 1h0m0s`}},
		{file: "brokers: [{name: a, kind: rabbit}]\n", want: []string{`brokers[0]: there is no kind of broker "rabbit": it is one of inproc, kafka, amqp`}},
		{file: "topics: [{name: a, broker: b}]\n", want: []string{`there is no broker "b"`}},
		{file: "topics: [{broker: inproc}]\n", want: []string{`topics[0].name: "" can be no topic`}},
		{file: "topics: [{name: a/b}]\n", want: []string{`topics[0].name: "a/b" can be no topic`}},
		{file: "topics: [{name: a*, physical: b}]\n", want: []string{`topics[0].physical is "b" for the name "a*"`}},
		{file: "topics: [{name: a, create: {replicas: 2}}]\n", want: []string{"topics[0].create.replicas is 2 without create.partitions"}},
		{file: "topics: [{name: a, create: {partitions: -1}}]\n", want: []string{"topics[0].create.partitions is -1"}},
		{file: "broker: kafka\nkafka: {brokers: []}\n", want: []string{"kafka.brokers is []"}},
		{file: "broker: kafka\nkafka: {message_bytes: 1000000}\n", want: []string{"kafka.message_bytes (1000000) of broker kafka must hold a message of the largest size"}},
		{file: "broker: kafka\nkafka: {dial_timeout: 10s}\n", want: []string{"kafka.dial_timeout (10s) of broker kafka must be shorter than inject.timeout (10s)"}},
		{file: "topics: [{name: a, allow: false, physical: b}]\n", want: []string{"topics[0].allow is false, so hidden, broker, physical and create mean nothing"}},
	} {
		t.Run(strings.TrimSpace(c.file+c.env+c.set), func(t *testing.T) {
			path, set := "", map[string]string{}
			if c.file != "" {
				path = write(t, c.file)
			}
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, value)
			}
			if key, value, ok := strings.Cut(c.set, "="); ok {
				set[key] = value
			}
			_, err := Load(path, set)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is\n%v\nand does not say\n%s", err, want)
				}
			}
		})
	}
}

func TestOtherVariablesAreLeftAlone(t *testing.T) {
	t.Setenv("CULVERT_TEST_KAFKA", "127.0.0.1:9092")
	// What the clients of the command line are told.
	t.Setenv("CULVERT_URL", "https://bridge.example")
	t.Setenv("CULVERT_TOKEN", "secret")
	load(t, "", nil)
}

// In Kubernetes a service called culvert kept every bridge of its namespace from starting: what it sets there begins like our names.
func TestVariablesOfServicesAreLeftAlone(t *testing.T) {
	for name, value := range map[string]string{
		"CULVERT_SERVICE_HOST": "10.0.0.11", "CULVERT_SERVICE_PORT": "8080", "CULVERT_SERVICE_PORT_HTTP": "8080", "CULVERT_PORT": "tcp://10.0.0.11:8080",
		"CULVERT_PORT_8080_TCP": "tcp://10.0.0.11:8080", "CULVERT_PORT_8080_TCP_PROTO": "tcp", "CULVERT_PORT_8080_TCP_PORT": "8080", "CULVERT_PORT_8080_TCP_ADDR": "10.0.0.11",
		"CULVERT_ADMIN_SERVICE_HOST": "10.0.0.12", "CULVERT_ADMIN_SERVICE_PORT": "8081", "CULVERT_ADMIN_PORT": "tcp://10.0.0.12:8081", "CULVERT_ADMIN_PORT_8081_TCP_ADDR": "10.0.0.12",
	} {
		t.Setenv(name, value)
	}
	if got := Print(load(t, "", nil)); got != Print(Default()) {
		t.Errorf("they changed the configuration:\n%s", got)
	}
	for _, path := range Values() {
		if regexp.MustCompile(ofServices).MatchString(envName(path)) {
			t.Errorf("%s could be a service's: whoever misspells it is not told", envName(path))
		}
	}
	t.Setenv("CULVERT_PORTS", "8080")
	if _, err := Load("", nil); err == nil || !strings.Contains(err.Error(), "CULVERT_PORTS") {
		t.Errorf("a variable that is no service's: %v", err)
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "nothing.yaml"), nil); err == nil || !strings.Contains(err.Error(), "nothing.yaml") {
		t.Errorf("the error is %v", err)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	secret := write(t, "s3cret\n")
	cfg := load(t, "", map[string]string{"kafka.sasl.password_file": secret})
	if got := cfg.Kafka.SASL.Password; got != "s3cret" {
		t.Errorf("the password is %q", got)
	}
	if text := Print(cfg); strings.Contains(text, "s3cret") || !strings.Contains(text, "password: '***'") {
		t.Errorf("the secret is not hidden:\n%s", text)
	}
	_, err := Load("", map[string]string{"kafka.sasl.password_file": secret, "kafka.sasl.password": "other"})
	if err == nil || !strings.Contains(err.Error(), "kafka.sasl.password and kafka.sasl.password_file are both given") {
		t.Errorf("two secrets for one key: %v", err)
	}
	_, err = Load("", map[string]string{"kafka.sasl.password_file": secret + ".gone"})
	if err == nil || !strings.Contains(err.Error(), "kafka.sasl.password_file: ") {
		t.Errorf("a secret's file that is not there: %v", err)
	}
}

func TestNoPasswordOfAURLIsTold(t *testing.T) {
	cfg := load(t, "", map[string]string{"amqp.url": "amqp://me:s3cret@rabbit:5672/shop", "amqp.management": "http://me:s3cret@rabbit:15672"})
	if text := Print(cfg); strings.Contains(text, "s3cret") || !strings.Contains(text, "url: amqp://me:xxxxx@rabbit:5672/shop") {
		t.Errorf("the secret is not hidden:\n%s", text)
	}
	for key, url := range map[string]string{"amqp.url": "amqp://me:s3cret@rab bit:5672", "amqp.management": "ftp://me:s3cret@rabbit"} {
		if _, err := Load("", map[string]string{"broker": "amqp", key: url}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error is %v", key, err)
		}
	}
}

// Two keys of one name would shadow each other without a word.
func TestEnvironmentNamesAreUnique(t *testing.T) {
	seen := map[string]string{envFile: envFile}
	for _, path := range Values() {
		name := envName(path)
		if other, twice := seen[name]; twice {
			t.Errorf("%s and %s are both %s", other, path, name)
		}
		seen[name] = path
	}
	for _, must := range []string{"CULVERT_LISTEN", "CULVERT_ADMIN_LISTEN", "CULVERT_BROKER", "CULVERT_KAFKA_BROKERS"} {
		if _, ok := seen[must]; !ok {
			t.Errorf("there is no %s", must)
		}
	}
}

func TestSuggestion(t *testing.T) {
	known := []string{"listen", "limits", "log", "broker", "brokers"}
	for word, want := range map[string]string{"lisen": "listen", "broers": "brokers", "logs": "log", "zzz": "", "something": ""} {
		got := suggestion(word, known)
		if want == "" && got != "" || want != "" && !strings.Contains(got, " "+want+"?") {
			t.Errorf("for %s the suggestion is %q, want %q", word, got, want)
		}
	}
	if slices.Contains(known, "") {
		t.Fatal("an empty name is near to everything")
	}
}
