package arch

import (
	"os"
	"slices"
	"testing"
)

const root = "../.."

func TestArrows(t *testing.T) {
	files, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	// A walk that finds nothing would judge nothing.
	for _, must := range []string{"domain/message.go", "ports/driven.go", "app/load.go", "cmd/culvert/main.go", "tests/arch/arch_test.go"} {
		if !slices.ContainsFunc(files, func(f file) bool { return f.path == must }) {
			t.Errorf("%s was not looked at", must)
		}
	}
	for _, line := range judge(files) {
		t.Error(line)
	}
}

func TestNoTestSleeps(t *testing.T) {
	for _, c := range []struct {
		root string
		want []string
	}{
		{root, nil},
		{"testdata/wrong", []string{"domain/sleep_test.go sleeps: wait for the thing itself, or let testing/synctest pass the time"}},
	} {
		files, err := readTree(c.root)
		if err != nil {
			t.Fatal(err)
		}
		wrong, err := sleepers(c.root, files)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(wrong, c.want) {
			t.Errorf("in %s: %q, want %q", c.root, wrong, c.want)
		}
	}
}

func TestLayout(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, name := range layout(names) {
		t.Errorf("%s does not belong at the top of the tree", name)
	}
	if got := layout([]string{"domain", ".github", "util"}); !slices.Equal(got, []string{"util"}) {
		t.Errorf("of domain, .github and util, %v were refused", got)
	}
}

// The fixture is a tree with one wrong import of each kind: a judge that cannot turn red is none.
func TestWrongArrowsAreSeen(t *testing.T) {
	files, err := readTree("testdata/wrong")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"adapters/broker/kafka/service.go imports culvert/domain/inject: an adapter knows of domain, ports and its own parent: never of a service or a sibling",
		"adapters/edge/ws/sibling.go imports culvert/adapters/edge/sse: an adapter knows of domain, ports and its own parent: never of a service or a sibling",
		"app/config.go imports github.com/spf13/viper: this library lives in [app/load.go] only",
		"cmd/client/app.go imports culvert/app: what a command is made of speaks the public protocol, and shares no code with the bridge",
		"cmd/culvert/main.go imports culvert/domain: a command knows of app only, and of what lies beside it",
		"domain/inject/library.go imports github.com/ThreeDotsLabs/watermill/message: the inner packages import no library",
		"domain/up.go imports culvert/ports: domain imports the standard library only",
		"ports/command.go imports culvert/cmd/culvert: nothing knows of a command",
		"ports/tests.go imports culvert/tests/brokers: only tests know of tests",
		"util/util.go imports culvert/domain: this folder has no place in the law of arrows",
	}
	if got := judge(files); !slices.Equal(got, want) {
		t.Errorf("the judge said\n%q\nwant\n%q", got, want)
	}
}
