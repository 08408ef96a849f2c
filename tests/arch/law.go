package arch

import (
	"fmt"
	"path"
	"slices"
)

// judge gives a line for every wrong import.
func judge(files []file) (wrong []string) {
	for _, f := range files {
		for _, imported := range f.imports {
			if reason := verdict(f, imported); reason != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", f.path, imported, reason))
			}
		}
	}
	return wrong
}

// verdict says why f must not import this; empty where it may.
func verdict(f file, imported string) string {
	if dir, ok := ours(imported); ok {
		return arrow(f, dir)
	}
	if standard(imported) {
		return ""
	}
	return fence(f, imported)
}

// arrow judges an import of our own package to.
func arrow(f file, to string) string {
	from := f.dir()
	switch {
	case from == to: // a test beside its package
		return ""
	case within(from, "tests"):
		return ""
	case within(to, "tests"):
		if f.test {
			return ""
		}
		return "only tests know of tests"
	case within(to, "cmd"):
		if within(from, "cmd") {
			return ""
		}
		return "nothing knows of a command"
	case within(from, "app"):
		return ""
	}
	switch {
	case within(from, "cmd"):
		switch {
		case from != "cmd/culvert":
			return "what a command is made of speaks the public protocol, and shares no code with the bridge"
		case within(to, "app"):
			return ""
		}
		return "a command knows of app only, and of what lies beside it"
	case from == "domain":
		return "domain imports the standard library only"
	case from == "ports":
		if to == "domain" {
			return ""
		}
		return "ports know of domain only"
	case within(from, "domain"):
		if to == "domain" || to == "ports" || within(from, to) {
			return ""
		}
		return "a service knows of domain and ports only"
	case within(from, "adapters"):
		// Up to its parents, but not to the folders that only sort adapters.
		if to == "domain" || to == "ports" || within(from, to) {
			return ""
		}
		return "an adapter knows of domain, ports and its own parent: never of a service or a sibling"
	}
	return "this folder has no place in the law of arrows"
}

// homes are the folders in which a library lives. What is not listed may be used by all adapters, app, cmd and tests.
var homes = []struct {
	module  string
	folders []string
}{
	{"github.com/ThreeDotsLabs", []string{"adapters/broker"}},
	{"github.com/IBM/sarama", []string{"adapters/broker/kafka"}},
	{"github.com/xdg-go/scram", []string{"adapters/broker/kafka"}},
	{"github.com/rabbitmq/amqp091-go", []string{"adapters/broker/amqp"}},
	{"github.com/labstack/echo", []string{"adapters/edge"}},
	{"github.com/olahol/melody", []string{"adapters/edge/ws"}},
	{"github.com/gorilla/websocket", []string{"adapters/edge/ws"}},
	{"github.com/coder/websocket", []string{"cmd/client"}},
	{"github.com/prometheus", []string{"adapters/metrics"}},
	{"github.com/spf13/viper", []string{"app/load.go"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
}

// fence judges an import of somebody else's package. Tests of the outer packages may use any library.
func fence(f file, imported string) string {
	if within(f.dir(), "tests") || f.test {
		return ""
	}
	if f.dir() == "ports" || within(f.dir(), "domain") {
		return "the inner packages import no library"
	}
	for _, place := range homes {
		if !within(imported, place.module) {
			continue
		}
		if !slices.ContainsFunc(place.folders, func(folder string) bool { return within(f.path, folder) }) {
			return fmt.Sprintf("this library lives in %v only", place.folders)
		}
	}
	return ""
}

// top are the names that may lie at the top of the tree, beside those that begin with a dot.
var top = []string{
	"domain", "ports", "adapters", "app", "cmd", "configs", "tests", "docs",
	"go.mod", "go.sum", "Taskfile.yml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
	"bin", // what is built; not part of the tree
}

// layout gives the names that may not lie at the top.
func layout(entries []string) (wrong []string) {
	for _, name := range entries {
		if name[0] != '.' && !slices.Contains(top, path.Base(name)) {
			wrong = append(wrong, name)
		}
	}
	return wrong
}
