package ws

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"culvert/domain"
)

func TestPubs(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b := &broker{reject: func(m *domain.Message) error {
			if string(m.Payload) == "bad" {
				return domain.Errorf(domain.UnknownTopic, "no such topic")
			}
			return nil
		}}
		c := d(t, serve(t, b).url("/v1/ws"), protocolJSON)
		say(t, c, `{"op":"pub","id":"7","topic":"orders","key":"AAPL","headers":[["h","v"]],"payload":{"a":1}}`)
		expect(t, c, `{"op":"ack","id":"7","partition":0,"offset":0,"time":"2026-01-02T15:04:05.000Z"}`)
		// Several in one message; the one without an id is answered only if it fails.
		say(t, c, `{"op":"pub","topic":"orders","text":"quiet"}`, ``, `{"op":"pub","topic":"orders","text":"bad"}`, `{"op":"pub","id":"8","topic":"orders","base64":"AAE="}`, ``)
		expect(t, c,
			`{"op":"err","code":"unknown-topic","detail":"no such topic","retryable":false}`,
			`{"op":"ack","id":"8","partition":0,"offset":3,"time":"2026-01-02T15:04:05.000Z"}`)
		// One object may have line ends between its tokens.
		say(t, c, "{\n \"op\": \"pub\",\n \"id\": \"9\", \"topic\": \"orders\", \"text\": \"x\"\n}")
		expectPrefix(t, c, `{"op":"ack","id":"9"`)
		got := b.taken()
		if m := got[0]; string(m.Key) != "AAPL" || string(m.Payload) != `{"a":1}` || len(m.Headers) != 1 {
			t.Errorf("injected %+v", m)
		}
		if len(got) != 5 {
			t.Errorf("injected %d messages", len(got))
		}
	})
}

func TestWrongFramesGetAnErrAndTheSocketLivesOn(t *testing.T) {
	h := serve(t, &broker{})
	c := dialGorilla(t, h.url("/v1/ws"), protocolJSON)
	for frame, want := range map[string]string{
		`{}`:                       `{"op":"err","code":"invalid-request","detail":"op must be one of`,
		`{"op":1,"id":"a"}`:        `{"op":"err","id":"a","code":"invalid-request","detail":"op: this must be a string`,
		`{"op":"hello","id":"a"}`:  `{"op":"err","id":"a","code":"invalid-request","detail":"op must be one of`,
		`{"op":"auth","id":"a"}`:   `{"op":"err","id":"a","code":"unsupported"`,
		`{"id":"a","op":"pub"}`:    `{"op":"err","id":"a","code":"invalid-request"`,
		`{"op":"pub","id":5}`:      `{"op":"err","code":"invalid-request","detail":"id:`,
		`{"id":"a","id":"b"}`:      `{"op":"err","id":"a","code":"invalid-request","detail":"the field \"id\" is there twice`,
		`{"op":"sub","id":"a"}`:    `{"op":"err","id":"a","code":"invalid-request","detail":"sub must have`,
		`{"op":"unsub","id":"a"}`:  `{"op":"err","id":"a","code":"invalid-request","detail":"sub must have`,
		`{"op":"credit","id":"a"}`: `{"op":"err","id":"a","code":"invalid-request","detail":"sub must have`,

		`{"op":"done","id":"a","sub":"x","receipts":[]}`:                             `{"op":"err","id":"a","code":"unknown-stream"`,
		`{"op":"unsub","id":"a","sub":"x"}`:                                          `{"op":"err","id":"a","code":"unknown-stream"`,
		`{"op":"sub","id":"a","sub":"x"}`:                                            `{"op":"err","id":"a","code":"invalid-request","detail":"topic is missing`,
		`{"op":"sub","id":"a","sub":"x","topic":"t","frm":"latest"}`:                 `{"op":"err","id":"a","code":"invalid-request","detail":"the field \"frm\" is unknown`,
		`{"op":"sub","id":"a","sub":"x","topic":"t","mode":"peek"}`:                  `{"op":"err","id":"a","code":"invalid-request","detail":"the field \"mode\" is unknown`,
		`{"op":"sub","id":"a","sub":"x","topic":"t","queue":""}`:                     `{"op":"err","id":"a","code":"invalid-request","detail":"queue name`,
		`{"op":"pub","id":"a","topic":"t","text":"x","payload":1}`:                   `{"op":"err","id":"a","code":"invalid-request"`,
		`{"op":"pub","id":"a","topic":"t","payload":null}`:                           `{"op":"err","id":"a","code":"invalid-request"`,
		`{"op":"pub","id":"` + strings.Repeat("x", 257) + `","topic":"t","text":""}`: `{"op":"err","code":"invalid-request","detail":"id must have`,
	} {
		say(t, c, frame)
		got := expectPrefix(t, c, want)
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is not JSON", got)
		}
	}
}

func TestWhatIsNoJSONObjectClosesWith4501(t *testing.T) {
	h := serve(t, &broker{})
	eachClient(t, func(t *testing.T, d dial) {
		for _, text := range []string{`hello`, `[1]`, `{"op":`, `{} {}`, `"x"`} {
			c := d(t, h.url("/v1/ws"), protocolJSON)
			say(t, c, `{"op":"pub","id":"1","topic":"t","text":"x"}`, text)
			before := expectClose(t, c, 4501, "invalid-request: ")
			if len(before) != 1 || !strings.HasPrefix(before[0], `{"op":"ack","id":"1"`) {
				t.Errorf("%s: what came before was answered with %v", text, before)
			}
		}
		c := d(t, h.url("/v1/ws"), protocolJSON)
		c.send(t, false, []byte(`{"op":"pub","id":"1","topic":"t","text":"x"}`))
		expectClose(t, c, 4501, "invalid-request: ")
	})
	c := dialGorilla(t, h.url("/v1/ws"), protocolJSON)
	say(t, c, "{\"op\":\"\xff\"}")
	expectClose(t, c, 4501, "invalid-request: ")
}

func TestTheTopicOfAURLMayBeLeftOut(t *testing.T) {
	b := &broker{}
	h := serve(t, b)
	c := dialGorilla(t, h.url("/v1/topics/orders/queues/billing/ws"), protocolJSON)
	say(t, c, `{"op":"pub","id":"1","text":"x"}`, `{"op":"pub","id":"2","topic":"orders","text":"x"}`, `{"op":"pub","id":"3","topic":"others","text":"x"}`, `{"op":"pub","id":"4","text":"x"}`)
	expectPrefix(t, c, `{"op":"ack","id":"1"`)
	expectPrefix(t, c, `{"op":"ack","id":"2"`)
	expectPrefix(t, c, `{"op":"err","id":"3","code":"invalid-request","detail":"this URL is that of topic \"orders\"`)
	expectPrefix(t, c, `{"op":"ack","id":"4"`)
	say(t, c, `{"op":"sub","id":"5","sub":"a","queue":"other"}`)
	expectPrefix(t, c, `{"op":"err","id":"5","code":"invalid-request","detail":"this URL is that of queue \"billing\"`)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, topic := range b.on {
		if topic != "orders" {
			t.Errorf("injected into %q", topic)
		}
	}
}

func TestLimitsOfMessages(t *testing.T) {
	limits := domain.DefaultLimits()
	limits.FramesPerMessage = 3
	eachClient(t, func(t *testing.T, d dial) {
		b := &broker{}
		cfg := quickConfig()
		cfg.CloseTimeout = patience // for a client that is slow to write what nobody reads
		h := serveWith(t, b, cfg, limits)
		whole := strings.Repeat("x", limits.MessageBytes)
		c := d(t, h.url("/v1/ws"), protocolJSON)
		say(t, c, `{"op":"pub","id":"1","topic":"t","text":"`+whole+`"}`)
		expectPrefix(t, c, `{"op":"ack","id":"1"`)
		say(t, c, `{"op":"pub","id":"2","topic":"t","text":"`+strings.Repeat(`\u0001`, limits.MessageBytes)+`"}`)
		expectPrefix(t, c, `{"op":"ack","id":"2"`)
		say(t, c, `{"op":"pub","id":"3","topic":"t","text":"x"}`, `{"op":"pub","id":"4","topic":"t","text":"`+whole+`x"}`)
		before := expectClose(t, c, 1009, "too-large: a message may have a payload of 1000000 bytes")
		if len(before) != 2 || !strings.HasPrefix(before[0], `{"op":"ack","id":"3"`) || !strings.HasPrefix(before[1], `{"op":"err","id":"4","code":"too-large"`) {
			t.Errorf("before the close came %v", before)
		}

		c = d(t, h.url("/v1/ws"), protocolJSON)
		say(t, c, `{}`, `{}`, `{}`, `{}`)
		expectClose(t, c, 1009, "too-large: a WebSocket message may hold 3 frames")

		// Beyond what a frame can need nothing is heard. Who writes it to its end, and only reads then, still finds the close: it was not reset away.
		c = d(t, h.url("/v1/ws"), protocolJSON)
		c.send(t, true, make([]byte, 6_300_000))
		expectClose(t, c, 1009, "too-large: ")
	})
}

func TestAThousandPubsAreAnsweredExactlyOnce(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b := &broker{window: 100}
		c := d(t, serve(t, b).url("/v1/ws"), protocolJSON)
		const n = 1000
		go func() {
			for i := 0; i < n; i += 10 {
				frames := make([]string, 10)
				for j := range frames {
					text := `"text":"x"`
					if j == 9 {
						text = `"wrong":"x"`
					}
					frames[j] = fmt.Sprintf(`{"op":"pub","id":"%d","topic":"t",%s}`, i+j, text)
				}
				c.send(t, true, []byte(strings.Join(frames, "\n")))
			}
		}()
		answers := map[string]string{}
		for range n {
			_, p, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			var f struct{ Op, ID string }
			if err := json.Unmarshal(p, &f); err != nil {
				t.Fatal(err)
			}
			if _, twice := answers[f.ID]; twice {
				t.Errorf("%s was answered twice", f.ID)
			}
			answers[f.ID] = f.Op
		}
		for i := range n {
			want := "ack"
			if i%10 == 9 {
				want = "err"
			}
			if got := answers[fmt.Sprint(i)]; got != want {
				t.Errorf("%d was answered with %q", i, got)
			}
		}
	})
}
