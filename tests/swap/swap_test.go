package swap

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"culvert/tests/bridge"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// One goroutine for the whole process, which the metrics of sarama leave behind.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
	)
}

// A client does not notice which broker is behind the bridge, but by what the topic's capabilities say.
func TestSwap(t *testing.T) {
	all := chapters(t, "testdata/*.txt")
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			sideBySide(t)
			for _, chapter := range all {
				t.Run(chapter.name(), func(t *testing.T) {
					play(t, chapter, bridge.Start(t, append(s.environment(t), configuration(t, chapter.configuration()))...))
				})
			}
		})
	}
}

// sideBySide lets brokers be played to at the same time, since a player waits more than it works. Where the script is updated they come one after the other: the first one writes.
func sideBySide(t *testing.T) {
	if !update {
		t.Parallel()
	}
}

// Topics of all brokers meet on one bridge, where patterns of topics name their brokers.
func TestBrokersTogether(t *testing.T) {
	sideBySide(t)
	environment := append(together(t), configuration(t, "together.yaml"))
	for _, chapter := range chapters(t, "testdata/together/*.txt") {
		t.Run(chapter.name(), func(t *testing.T) { play(t, chapter, bridge.Start(t, environment...)) })
	}
}

// chapters reads scripts. Where they are updated they are written when the test ends.
func chapters(t *testing.T, pattern string) (all []*script) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no script %s: %v", pattern, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		chapter, err := parse(file, string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, chapter)
	}
	t.Cleanup(func() {
		for _, chapter := range all {
			if !update {
				break
			}
			if err := os.WriteFile(chapter.path, []byte(chapter.String()), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	return all
}

// play plays a chapter to a bridge.
func play(t *testing.T, chapter *script, b *bridge.Bridge) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p := &player{t: t, script: chapter, url: b.URL}
	var stopping sync.WaitGroup
	defer stopping.Wait()
	p.stop = func() {
		stopping.Go(func() { // ends with the bridge
			if err := b.Stop(); err != nil {
				t.Errorf("the bridge was told to end: %v", err)
			}
		})
	}
	p.play(ctx)
}

// The script is its own golden, so what is not to change in it must come back as it was read.
func TestAScriptIsWrittenAsItWasRead(t *testing.T) {
	const text = `# prose

topic prices
→ a = GET /v1/topics/prices/events
  Accept: */*


  body

with history:
← a
  id: <id>
  data: 1
without history:
← 501
end
keep one a:id
→ until GET /v1/topics
← 200
→ s {"op":"unsub"}
← s.x {"op":"end"}

`
	chapter, err := parse("chapter", text)
	if err != nil {
		t.Fatal(err)
	}
	if got := chapter.String(); got != strings.TrimRight(text, "\n")+"\n" {
		t.Errorf("it is written as\n%s", got)
	}
	for wrong, says := range map[string]string{
		"a step":                "is no step",
		"  more":                "nothing that this line belongs to",
		"with history":          "does not end with a colon",
		"# prose\n- step":       "chapter:2",
		"→ until GET /\n→ stop": "is expected that the line above waits for",
	} {
		if _, err := parse("chapter", wrong); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %s", wrong, err, says)
		}
	}
}
