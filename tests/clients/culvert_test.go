package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// ours is the folder of the bridge's own client.
func ours(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", "adapters", "edge", "browser"))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// passes runs a program that tries the client, and fails for what it complains of.
func passes(t *testing.T, file string, args ...string) {
	t.Helper()
	p := start(t, file, append([]string{filepath.Join(ours(t), "culvert.js")}, args...)...)
	if err := p.wait(t); err != nil {
		t.Errorf("%s ended with %v", file, err)
	}
	if p.count("passed") == 0 {
		t.Errorf("%s tried nothing", file)
	}
}

// What a bridge cannot be made to do on demand: cuts at every byte, silence, refusals that pass and that do not.
func TestClientAgainstAScript(t *testing.T) {
	t.Parallel()
	passes(t, "culvert_scripted.mjs")
}

func TestClientAgainstABridge(t *testing.T) {
	t.Parallel()
	passes(t, "culvert_bridge.mjs", bridge.Start(t, "CULVERT_BROKER=inproc").URL)
}

// Over a restart of the bridge each message is confirmed, once, and a view goes on behind what it has shown. Where the broker went with the bridge it tells of a gap instead.
func TestClientOverARestart(t *testing.T) {
	each(t, []subject{
		{name: "inproc", environment: inproc, topic: ownTopic},
		{name: "kafka", environment: kafka, topic: kafkaTopic(3), keeps: true},
	}, func(t *testing.T, s subject) {
		port := brokers.FreePorts(t, 1)[0]
		b := s.start(t, port)
		p := start(t, "culvert_restart.mjs", filepath.Join(ours(t), "culvert.js"), b.URL, s.topic(t), map[bool]string{true: "keeps"}[s.keeps])
		brokers.Eventually(t, patience, "messages flow", func() bool { return p.count("flowing") > 0 || p.gone() })
		if err := b.Stop(); err != nil {
			t.Errorf("culvert left with %v", err)
		}
		brokers.Eventually(t, patience, "the client sees that", func() bool { return p.count("waiting") > 0 || p.gone() })
		s.start(t, port)
		if err := p.wait(t); err != nil {
			t.Errorf("it ended with %v", err)
		}
		if p.count("passed") != 1 {
			t.Errorf("it printed %+v", p.printed())
		}
	})
}

// The declarations are those of the module, and good for a program in TypeScript; the module's own types hold. What is not said of a parameter is any.
func TestClientHasTypes(t *testing.T) {
	t.Parallel()
	passes(t, "culvert_types.mjs", ours(t))
}

// npm packs the module, its declarations, and what npm wants beside them.
func TestClientIsPackable(t *testing.T) {
	t.Parallel()
	npm, err := exec.LookPath("npm")
	if err != nil {
		brokers.Without(t, "npm", &brokers.MissingError{What: "npm", Mend: "install Node with npm"})
	}
	command := exec.CommandContext(t.Context(), npm, "pack", "--dry-run", "--json", "--offline")
	command.Dir = ours(t)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packs []struct {
		Name  string
		Files []struct{ Path string }
	}
	if err := json.Unmarshal(output, &packs); err != nil || len(packs) != 1 {
		t.Fatalf("npm printed %s: %v", output, err)
	}
	var files []string
	for _, f := range packs[0].Files {
		files = append(files, f.Path)
	}
	slices.SortFunc(files, strings.Compare)
	if want := []string{"README.md", "culvert.d.ts", "culvert.js", "package.json"}; packs[0].Name != "culvert" || !slices.Equal(files, want) {
		t.Errorf("npm packs %v as %s, want %v", files, packs[0].Name, want)
	}
}
