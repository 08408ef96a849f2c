package browser

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"culvert/tests/bridge"
	"culvert/tests/brokers"
	"culvert/tests/client"
)

// write lets a field of the page have a value, as its user would.
func (t *tab) write(selector, value string) {
	t.t.Helper()
	evaluate[bool](t, fmt.Sprintf(`(() => {
		const field = document.querySelector(%q)
		field.value = %s
		return field.dispatchEvent(new Event('input', { bubbles: true }))
	})()`, selector, literal(value)))
}

// literal is s as JavaScript.
func literal(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// click clicks what has this text, of what the selector names.
func (t *tab) click(selector, label string) {
	t.t.Helper()
	find := fmt.Sprintf("[...document.querySelectorAll(%q)].find(e => e.textContent.trim() === %q)", selector, label)
	t.until("has "+label, find+" !== undefined")
	evaluate[bool](t, "("+find+".click(), true)")
}

// keys types on the keyboard, where the focus is.
func (t *tab) keys(keys string, options ...chromedp.KeyOption) {
	t.t.Helper()
	if err := chromedp.Do(t.ctx, chromedp.KeyEvent(keys, options...)); err != nil {
		t.t.Fatal(err)
	}
}

// cells are the texts of the rows that a selector names.
func cells(t *tab, rows string) [][]string {
	t.t.Helper()
	return evaluate[[][]string](t, fmt.Sprintf("[...document.querySelectorAll(%q)].map(row => [...row.cells].map(cell => cell.textContent))", rows))
}

// What the panel says of a message is where the topic has it, whichever way it went.
func TestConsoleInjects(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]struct {
		environment func(*testing.T) []string
		topic       func(*testing.T) string
	}{
		"inproc": {func(*testing.T) []string { return []string{"CULVERT_BROKER=inproc"} }, func(t *testing.T) string { return brokers.Topic(t) }},
		"kafka":  {kafka, kafkaTopic(3)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			b := bridge.Start(t, on.environment(t)...)
			topic := on.topic(t)
			page := panelAt(p, b, "inject?topic="+topic)
			confirmed := 0
			confirms := func(more int) {
				t.Helper()
				confirmed += more
				page.until("has them confirmed", fmt.Sprintf("document.querySelector('[data-figure=confirmed] .value').textContent.replaceAll(',', '') === %q && document.querySelectorAll('tbody tr').length >= %d", strconv.Itoa(confirmed), min(confirmed, 100)))
			}

			page.write("[name=key]", "k{{n}}")
			page.write("[name=headers]", "kind: first\nkind: second, {{n}}")
			page.write("[name=payload]", `{"n": {{n}}, "big": 12345678901234567890}`)
			page.click("main button", "Inject")
			confirms(1)
			page.click(".choice label", "POST")
			page.click("main button", "Inject")
			confirms(1)
			page.click(".choice label", "Text")
			page.write("[name=payload]", "<b>{{n}}</b>\nzwei")
			page.click("main button", "Inject")
			confirms(1)
			page.click(".choice label", "WebSocket")
			page.click(".choice label", "Tombstone")
			page.click("main button", "Inject")
			confirms(1)
			binary := make([]byte, 70_000)
			_, _ = rand.Read(binary)
			file := filepath.Join(t.TempDir(), "binary")
			if err := os.WriteFile(file, binary, 0o600); err != nil {
				t.Fatal(err)
			}
			page.click(".choice label", "File")
			if err := chromedp.Do(page.ctx, chromedp.SetUploadFiles("input[type=file]", []string{file})); err != nil {
				t.Fatal(err)
			}
			page.until("has read the file", "document.body.textContent.includes('68.4 KiB, byte for byte')")
			page.click("main button", "Inject")
			confirms(1)

			byKey := map[string]stored{}
			for _, m := range storedIn(t, b, topic) {
				byKey[*m.Key] = m
			}
			for _, row := range cells(page, "main tbody tr") {
				m, ok := byKey[row[1]]
				if want := fmt.Sprintf("partition %d, offset %d", m.Partition, m.Offset); !ok || row[2] != want || "k"+row[0] != row[1] || !strings.HasSuffix(row[3], " ms") {
					t.Errorf("%v is shown of %+v", row, m)
				}
			}
			for key, want := range map[string]string{"k1": `{"n": 1, "big": 12345678901234567890}`, "k2": `{"n": 2, "big": 12345678901234567890}`} {
				if got := byKey[key]; string(got.Payload) != want || string(got.Headers) != `[["kind","first"],["kind","second, `+key[1:]+`"]]` {
					t.Errorf("%s is %s with %v", key, got.Payload, got.Headers)
				}
			}
			if got := byKey["k3"].Text; got == nil || *got != "<b>3</b>\nzwei" {
				t.Errorf("k3 is %v", byKey["k3"])
			}
			if got := byKey["k4"]; string(got.Payload) != "null" {
				t.Errorf("k4 is %+v", got)
			}
			if got := byKey["k5"].Base64; got == nil {
				t.Errorf("k5 is %+v", byKey["k5"])
			} else if whole, err := base64.StdEncoding.DecodeString(*got); err != nil || !bytes.Equal(whole, binary) {
				t.Errorf("k5 has %d bytes: %v", len(whole), err)
			}

			// Many, and at a rate until it is stopped.
			page.click(".choice label", "Text")
			page.click(".choice label", "Many")
			page.write("[name=count]", "1234")
			page.click("main button", "Inject")
			confirms(1234)
			page.click(".choice label", "At a rate")
			page.write("[name=rate]", "200")
			page.click("main button", "Inject")
			page.until("shows the real rate", "(rate => rate > 100 && rate < 300)(parseFloat(document.querySelector('[data-figure=rate] .value').textContent))")
			page.click("main button", "Stop")
			page.until("has stopped", "document.querySelector('main form button.primary').disabled === false")
			brokers.Eventually(t, 10*time.Second, "as many are said to be confirmed as there are in the topic", func() bool { // figures are drawn a moment later
				return evaluate[string](page, "document.querySelector('[data-figure=confirmed] .value').textContent.replaceAll(',', '')") == strconv.Itoa(len(storedIn(t, b, topic)))
			})
			if drawn := evaluate[int](page, "document.querySelectorAll('.frames li').length"); drawn > 200 {
				t.Errorf("%d frames are drawn", drawn)
			}
		})
	}
}

// What is wrong is told: by the page before it is sent, and else as the server said it.
func TestConsoleTellsWhyNothingWasInjected(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, kafka(t)...)
	page := panelAt(p, b, "inject?topic=nowhere")
	page.write("[name=payload]", "{\n  \"a\": 1,\n}")
	page.click("main button", "Inject")
	page.until("says where it is no JSON", "document.getElementById('inject-wrong').textContent === 'Not JSON at line 3, column 1: unexpected \"}\"'")
	if sent := evaluate[string](page, "document.querySelector('[data-figure=sent] .value').textContent"); sent != "0" {
		t.Errorf("%s were sent", sent)
	}

	var refused struct {
		Results []struct{ Code, Detail string }
	}
	if err := client.Post(t.Context(), b.URL+"/v1/topics/nowhere/messages", "application/vnd.culvert.batch+json", []byte(`{"messages":[{"text":"x"}]}`), &refused); err != nil || len(refused.Results) != 1 {
		t.Fatalf("%+v, %v", refused, err)
	}
	want := refused.Results[0].Code + ": " + refused.Results[0].Detail
	page.write("[name=payload]", "{}")
	for i, way := range []string{"WebSocket", "POST"} {
		page.click(".choice label", way)
		page.click("main button", "Inject")
		page.until("says why", fmt.Sprintf("document.querySelectorAll('main tbody tr').length === %d", i+1))
		if row := cells(page, "main tbody tr")[0]; row[2] != want {
			t.Errorf("over %s %q is shown, where the bridge says %q", way, row[2], want)
		}
	}
}

// Who has no mouse injects, too.
func TestConsoleInjectsByKeyboard(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	page := panelAt(p, b, "topics")
	page.keys("gi")
	page.until("is at the panel", "document.querySelector('main h1').textContent === 'Inject'")
	topic := brokers.Topic(t)
	page.keys("\t" + topic + "\tGOOG\t")
	page.keys("\t\t\t")
	page.until("has the focus on the payload", "document.activeElement.name === 'payload'")
	page.keys("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	page.until("has it confirmed", "document.querySelector('main tbody tr') !== null")
	got := storedIn(t, b, topic)
	if len(got) != 1 || *got[0].Key != "GOOG" || !bytes.Contains(got[0].Payload, []byte(`"symbol": "GOOG"`)) {
		t.Errorf("the topic has %+v", got)
	}
	if hash := evaluate[string](page, "location.hash"); hash != "#/inject?topic="+topic+"&key=GOOG" {
		t.Errorf("the URL says %s", hash)
	}
}

// The log has the frames of both directions, the connection can be closed and opened, and the ssl box changes what is shown alone.
func TestConsoleShowsItsConnection(t *testing.T) {
	t.Parallel()
	p := open(t)
	b := bridge.Start(t, "CULVERT_BROKER=inproc")
	page := panelAt(p, b, "inject?topic=orders&key=a&as=text&payload=it's")
	page.click("main button", "Connect")
	page.until("is connected", "document.querySelector('main [role=status].state').textContent === 'connected'")
	page.click("main button", "Inject")
	page.until("has the frames", `document.querySelector('.frames .sent:has(code)')?.textContent.includes('"text":"it\'s"') && [...document.querySelectorAll('.frames .got')].some(f => f.textContent.includes('"op":"ack"'))`)
	for i, program := range []string{"curl", "wscat"} {
		snippet := evaluate[string](page, fmt.Sprintf("document.querySelectorAll('.code pre')[%d].textContent", i+1))
		if got := pasted(t, "sh", "-c", snippet); !strings.Contains(got, `"offset":`) {
			t.Errorf("%s says %s\n%s", program, got, snippet)
		}
	}
	evaluate[bool](page, "(document.querySelector('[name=ssl]').click(), true)")
	secure := strings.Replace(b.URL, "http", "ws", 1)
	secure = strings.Replace(secure, "ws:", "wss:", 1)
	page.until("shows the other URL", fmt.Sprintf("document.querySelector('.code pre').textContent === %q", secure+"/v1/ws"))
	curl := evaluate[string](page, "document.querySelectorAll('.code pre')[1].textContent")
	if want := fmt.Sprintf(`curl -H 'Culvert-Key: a' --data-raw 'it'\''s' %s/v1/topics/orders/messages`, strings.Replace(b.URL, "http:", "https:", 1)); curl != want {
		t.Errorf("%s is shown, not %s", curl, want)
	}
	if state := evaluate[string](page, "document.querySelector('main [role=status].state').textContent"); state != "connected" {
		t.Errorf("the ssl box left it %s", state)
	}
	page.click("main button", "Disconnect")
	page.until("is not connected", "document.querySelector('main [role=status].state').textContent === 'not connected' && document.querySelector('.frames').textContent.includes('closed')")
}
