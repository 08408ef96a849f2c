package rest

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"culvert/adapters/edge"
)

// route is one line of what the server tells about itself.
type route struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	About  string `json:"about"`
}

type about struct {
	Name   string  `json:"name"`
	About  string  `json:"about"`
	Routes []route `json:"routes"`
}

// aboutUs is what `GET /` tells of the routes of PROTOCOL §2 that the server has.
func aboutUs() about {
	return about{
		Name:  "culvert",
		About: "Culvert is a bridge between web clients and message brokers: it shows topics, shares queues, and injects messages.",
		Routes: []route{
			{http.MethodGet, "/v1/topics", "list topics"},
			{http.MethodGet, "/v1/topics/{topic}", "describe a topic: what its broker can do, its partitions, a cursor of its end"},
			{http.MethodGet, "/v1/topics/{topic}/events", "view a topic, as server-sent events or NDJSON"},
			{http.MethodGet, "/v1/events?topic={topic}", "view a topic, with envelopes"},
			{http.MethodGet, "/v1/topics/{topic}/queues", "list the queues of a topic"},
			{http.MethodGet, "/v1/topics/{topic}/queues/{queue}", "inspect a queue: how far it is, what its members hold"},
			{http.MethodDelete, "/v1/topics/{topic}/queues/{queue}", "forget a queue that nobody is in"},
			{http.MethodPost, "/v1/topics/{topic}/queues/{queue}/reset", "move the place of a queue that nobody is in"},
			{http.MethodPost, "/v1/topics/{topic}/queues/{queue}/redrive", "send the dead letters of a queue back to it"},
			{http.MethodGet, "/v1/topics/{topic}/queues/{queue}/events", "join a queue, or peek into it, as server-sent events or NDJSON"},
			{http.MethodPost, "/v1/streams/{stream}/done", "settle what a member received over HTTP"},
			{http.MethodPost, "/v1/topics/{topic}/messages", "inject one message, a JSON batch, or a stream of NDJSON"},
			{http.MethodGet, "/v1/ws", "WebSocket: many topics, both directions"},
			{http.MethodGet, "/v1/topics/{topic}/ws", "WebSocket on one topic"},
			{http.MethodGet, "/v1/topics/{topic}/queues/{queue}/ws", "WebSocket on one queue"},
		},
	}
}

//go:embed home.html
var source string

// front is what the page shows.
type front struct {
	about
	Host string
}

// home serves GET /: a page for people, JSON for programs.
func (e *Edge) home(w http.ResponseWriter, r *http.Request) error {
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept, Origin")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return document(w, aboutUs())
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	return e.page.Execute(w, front{aboutUs(), r.Host})
}

func newPage() (*template.Template, error) {
	return template.New("home").Parse(source)
}
