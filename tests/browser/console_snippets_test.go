package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
)

// What the console shows to be copied works where it is pasted, whatever the key and the header: in a shell, in Go and Python, and in a page.
func TestConsoleSnippets(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc", "CULVERT_HTTP_ORIGINS="+p.origin)
	topic := brokers.Topic(t)
	key, header := "it's \"$HOME\" `x` \\ & + %41 ☃\u2028</script>", "h:a: 'v' & \"w\" #1"
	name, value, _ := strings.Cut(header, ":")
	publish := func(topic string, some ...map[string]any) {
		batch, err := json.Marshal(map[string]any{"messages": some})
		if err != nil {
			t.Fatal(err)
		}
		inject(t, b, topic, string(batch))
	}
	mine := map[string]any{"key": key, "text": "mine", "headers": [][]string{{name, value}}}
	publish(topic, mine, map[string]any{"key": "other", "text": "foreign", "headers": [][]string{{name, value}}}, map[string]any{"key": key, "text": "bare"}, map[string]any{"key": key, "text": "the last", "headers": [][]string{{name, value}}})
	publish(topic+".eu", mine)

	one := []string{"topic", topic, "from", "earliest", "key", key, "header", header}
	several := append([]string{"topic", topic + ".eu"}, one...)
	publish(topic+".queued", map[string]any{"key": key, "text": "mine"}, map[string]any{"key": key, "text": "the last"})
	joins := []string{"topic", topic + ".queued", "queue", "billing", "mode", "join", "from", "earliest"}
	queues := 0
	for _, wish := range [][]string{one, several, joins} {
		page := p.console(b, "view", append(wish, "code", "curl")...)
		page.until("shows how to connect", "said('.connect pre').startsWith('curl ')")
		for _, tab := range evaluate[[]string](page, "all('.connect [role=tab]').map(b => b.textContent)") {
			if slices.Contains(wish, "queue") {
				// A queue of its own for each: what one has taken no other gets.
				queues++
				evaluate[bool](page, fmt.Sprintf("(q => { q.value = 'q%d'; q.dispatchEvent(new Event('input')); return true })(document.querySelector('[name=queue]'))", queues))
			}
			evaluate[bool](page, "(all('.connect [role=tab]').find(b => b.textContent === '"+tab+"').click(), true)")
			snippet := evaluate[string](page, "said('.connect pre')")
			var got string
			switch tab {
			case "curl", "wscat":
				got = pasted(t, "sh", "-c", snippet)
			case "Python":
				if _, err := exec.LookPath("python3"); err != nil {
					continue
				}
				got = pasted(t, "python3", "-c", snippet)
			case "Go":
				got = pasted(t, build(t, snippet))
			default:
				got = p.pasted(snippet)
			}
			if !strings.Contains(got, "mine") || !strings.Contains(got, "the last") || strings.Contains(got, "foreign") || strings.Contains(got, "bare") {
				t.Errorf("%s of %v shows %s\n%s", tab, wish, got, snippet)
			}
		}
	}
}

// build builds a program of Go.
func build(t *testing.T, program string) (file string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(filepath.Dir(source), "program")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, out, program)
	}
	return file
}

// pasted is what a page of another origin says to a module that is pasted into it, until it has said something of the last message.
func (p *profile) pasted(module string) string {
	p.t.Helper()
	page := p.tab("culvert.js")
	text, err := json.Marshal(module)
	if err != nil {
		p.t.Fatal(err)
	}
	defer page.end()
	return evaluate[string](page, fmt.Sprintf(`new Promise(resolve => {
		const said = []
		setTimeout(() => resolve(said.join('\n')), 20000)
		console.log = (...what) => {
			said.push(JSON.stringify(what))
			if (said.at(-1).includes('the last')) resolve(said.join('\n'))
		}
		const script = document.createElement('script')
		script.type = 'module'
		script.text = %s
		document.head.append(script)
	})`, text))
}

// pasted is what a command says until it has said something of the last message. Nothing is typed into it, and npx may get what it lacks.
func pasted(t *testing.T, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "npm_config_yes=true")
	if _, err := cmd.StdinPipe(); err != nil { // a socket's client ends with its input
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "the last") {
			break
		}
	}
	cancel()
	_ = cmd.Wait() // it was killed
	return said.String() + trouble.String()
}
