package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const configs = "../configs"

// culvert.yaml is what people read to learn which keys there are: it must be the whole truth.
func TestTheCommentedFileIsTheDefaults(t *testing.T) {
	path := filepath.Join(configs, "culvert.yaml")
	got, want := Print(load(t, path, nil)), Print(Default())
	if got != want {
		t.Errorf("the file gives\n%s\nthe defaults are\n%s", got, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file, defaults yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(want), &defaults); err != nil {
		t.Fatal(err)
	}
	keys := commented(t, file.Content[0], "")
	expected := commented(nil, defaults.Content[0], "")
	// What names the file of a secret is not printed.
	withoutFiles := strings.ReplaceAll(strings.Join(keys, "\n")+"\n", "kafka.sasl.password_file\n", "")
	if wanted := strings.Join(expected, "\n") + "\n"; withoutFiles != wanted {
		t.Errorf("the file's keys are\n%s\nand those of the code\n%s", withoutFiles, wanted)
	}
}

// commented lists the keys of a mapping and all below it, in order. Where t is not nil, each must have a comment.
func commented(t *testing.T, n *yaml.Node, path string) (keys []string) {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		keys = append(keys, at)
		if t != nil && key.HeadComment == "" {
			t.Errorf("line %d: %s has no comment above it", key.Line, at)
		}
		keys = append(keys, commented(t, value, at)...)
	}
	return keys
}

func TestEveryFileInConfigsIsRight(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(configs, "*.yaml"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		moved := strings.ReplaceAll(string(text), "/run/secrets/kafka_password", secret)
		load(t, write(t, moved), nil)
	}
}

func TestPrint(t *testing.T) {
	cfg := load(t, write(t, `
broker: kafka
kafka: {sasl: {mechanism: PLAIN, username: culvert, password: s3cret}}
brokers: [{name: archive, kind: kafka, kafka: {brokers: [a:9092, b:9092], sasl: {password: other}}}]
topics:
  - {name: prices.*, broker: archive, physical: prod.prices.*, create: {partitions: 12}}
  - {name: hidden, allow: false}
queue: {rules: [{queue: billing, lease: 5m, max_attempts: 0}, {topic: orders}]}
shutdown: {timeout: 1m30s}
`), nil)
	golden(t, "print.yaml", Print(cfg))
}

// golden compares with a file in testdata. UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}
