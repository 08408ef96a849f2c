package swap

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/tests/brokers"
)

// subject is a broker that the script is played on.
type subject struct {
	// kind is what the configuration calls it.
	kind string
	// environment lets a bridge find it, as NAME=value. It ends the test where the broker cannot be had.
	environment func(t *testing.T) []string
}

// subjects are all brokers that a bridge knows. A further one is an entry here, and a pattern in testdata/together.yaml.
var subjects = []subject{
	{"inproc", func(*testing.T) []string { return nil }},
	{"kafka", func(t *testing.T) []string {
		return []string{"CULVERT_KAFKA_BROKERS=" + brokers.Kafka(t).Bootstrap()}
	}},
}

// configuration names a file of testdata to a bridge, in which topics are named apart in their brokers, and plainly to clients.
func configuration(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	own := strings.ReplaceAll(string(text), "{run}", "swap-"+strings.ToLower(rand.Text()[:8]))
	if err := os.WriteFile(path, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	return "CULVERT_CONFIG=" + path
}
