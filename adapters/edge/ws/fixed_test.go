package ws

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"culvert/adapters/edge"
	"culvert/domain"
)

// serveFixed is serve behind a route that fixes f.
func serveFixed(t *testing.T, b *broker, f edge.Fixed) *host {
	t.Helper()
	e, handler := newHandler(t, b, quickConfig(), domain.DefaultLimits())
	h := &host{e, httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(edge.WithFixed(r.Context(), f)))
	}))}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.edge.Drain(ctx); err != nil {
			t.Errorf("drain: %v", err)
		}
		h.http.Close()
	})
	return h
}

var goog = edge.Fixed{Key: []byte("GOOG"), Headers: []domain.Header{{Name: "type", Value: []byte("alert")}}}

func TestRawByARoute(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, streams, views := viewing()
		h := serveFixed(t, b, goog)

		c := d(t, h.url("/v1/topics/prices/ws?confirm=1"), protocolRaw)
		c.send(t, true, []byte("one"))
		expect(t, c, "+1")

		c = d(t, h.url("/v1/topics/prices/ws?mode=both&confirm=1"), protocolRaw)
		await(t, streams, "a view")
		if v := await(t, views, "a view"); len(v.Keys) != 1 || string(v.Keys[0]) != "GOOG" || len(v.Headers) != 1 {
			t.Errorf("asked for %+v", v)
		}
		c.send(t, true, []byte("two"))
		expect(t, c, "+1")

		for i, m := range b.taken() {
			if string(m.Key) != "GOOG" || m.Headers != nil {
				t.Errorf("message %d: %+v", i, m)
			}
		}
		for _, mode := range []string{"inject", "view", "both"} {
			c = d(t, h.url("/v1/topics/prices/ws?key=AAPL&mode="+mode), protocolRaw)
			expectClose(t, c, 4501, `invalid-request: the parameter "key" is unknown here`)
		}
	})
}

func TestFramesByARoute(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		b, streams, views := viewing()
		h := serveFixed(t, b, goog)
		c := d(t, h.url("/v1/topics/prices/ws"), protocolJSON)

		say(t, c, `{"op":"pub","id":"1","text":"a"}`)
		expectPrefix(t, c, `{"op":"ack","id":"1"`)
		say(t, c, `{"op":"pub","id":"2","text":"a","key":"GOOG"}`)
		expectPrefix(t, c, `{"op":"ack","id":"2"`)
		say(t, c, `{"op":"pub","id":"3","text":"a","key":"AAPL"}`)
		expect(t, c, `{"op":"err","id":"3","code":"invalid-request","detail":"the key is \"GOOG\" on this URL, not \"AAPL\"; it may be left out","retryable":false}`)

		say(t, c, `{"op":"sub","id":"4","sub":"a","header":["a:b"]}`)
		await(t, streams, "a view")
		if v := await(t, views, "a view"); len(v.Keys) != 1 || string(v.Keys[0]) != "GOOG" || len(v.Headers) != 2 {
			t.Errorf("asked for %+v", v)
		}
		expectPrefix(t, c, `{"op":"ready","id":"4","sub":"a"`)
		say(t, c, `{"op":"sub","id":"5","sub":"b","key":["AAPL"]}`)
		expectPrefix(t, c, `{"op":"err","id":"5","code":"invalid-request","detail":"the field \"key\" is unknown here`)
		// A queue of the topic would have given all of its messages.
		say(t, c, `{"op":"sub","id":"6","sub":"b","queue":"billing"}`)
		expect(t, c, `{"op":"err","id":"6","code":"invalid-request","detail":"this URL is that of some messages of topic \"prices\"; a queue is one of all of them, so none can be named here","retryable":false,"sub":"b"}`)

		for i, m := range b.taken() {
			if string(m.Key) != "GOOG" || m.Headers != nil {
				t.Errorf("message %d: %+v", i, m)
			}
		}
	})
}

// What a route refuses is told where browsers can read it: in the close.
func TestAHandshakeThatARouteRefuses(t *testing.T) {
	eachClient(t, func(t *testing.T, d dial) {
		h := serveFixed(t, &broker{}, edge.Fixed{Refusal: domain.Errorf(domain.InvalidRequest, "say which topic")})
		for _, subprotocol := range []string{protocolRaw, protocolJSON} {
			expectClose(t, d(t, h.url("/v1/topics//ws"), subprotocol), 4501, "invalid-request: say which topic")
		}
	})
}
