package rest

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"culvert/adapters/edge"
)

// route is one line of what the server tells about itself.
type route struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	About  string `json:"about"`
}

// links are where the rest is to be had, relative to the page.
type links struct {
	Client   string `json:"client"`
	Types    string `json:"types"`
	OpenAPI  string `json:"openapi"`
	AsyncAPI string `json:"asyncapi"`
	Guides   string `json:"guides,omitempty"` // the folder of the guides, where the configuration names one
}

type about struct {
	Name   string  `json:"name"`
	About  string  `json:"about"`
	Links  links   `json:"links"`
	Routes []route `json:"routes"`
}

// aboutUs is what `GET /` tells of the routes of PROTOCOL §2 that the server has.
func (e *Edge) aboutUs() about {
	return about{
		Name: "culvert",
		About: "Culvert is a bridge between message brokers and the web: browsers and other clients view a topic live, share the work of a queue, and inject messages, over Server-Sent Events, WebSocket and plain HTTP. " +
			"Nothing is lost silently: streams resume where they broke, holes are announced, and an ack means that the broker has the message.",
		Links: links{Client: "/culvert.js", Types: "/culvert.d.ts", OpenAPI: "/openapi.yaml", AsyncAPI: "/asyncapi.yaml", Guides: e.cfg.Guides},
		Routes: []route{
			{http.MethodGet, "/v1/topics", "list topics"},
			{http.MethodGet, "/v1/topics/{topic}", "describe a topic: what its broker can do, its partitions, a cursor of its end"},
			{http.MethodGet, "/v1/topics/{topic}/events", "view a topic, as server-sent events or NDJSON"},
			{http.MethodGet, "/v1/events?topic={topic}&topic={pattern}", "view several topics on one stream, with envelopes"},
			{http.MethodPost, "/v1/topics/{topic}/messages", "inject one message, a JSON batch, or a stream of NDJSON"},
			{http.MethodGet, "/v1/topics/{topic}/queues", "list the queues of a topic"},
			{http.MethodGet, "/v1/topics/{topic}/queues/{queue}", "inspect a queue: how far it is, what its members hold"},
			{http.MethodGet, "/v1/topics/{topic}/queues/{queue}/events", "join a queue, or peek into it, as server-sent events or NDJSON"},
			{http.MethodPost, "/v1/streams/{stream}/done", "settle what a member received over HTTP"},
			{http.MethodPost, "/v1/topics/{topic}/queues/{queue}/reset", "move the place of a queue that nobody is in"},
			{http.MethodPost, "/v1/topics/{topic}/queues/{queue}/redrive", "send the dead letters of a queue back to it"},
			{http.MethodDelete, "/v1/topics/{topic}/queues/{queue}", "forget a queue that nobody is in"},
			{http.MethodGet, "/v1/ws", "WebSocket: many topics, both directions"},
			{http.MethodGet, "/v1/topics/{topic}/ws", "WebSocket on one topic"},
			{http.MethodGet, "/v1/topics/{topic}/queues/{queue}/ws", "WebSocket on one queue"},
		},
	}
}

// guide is a page of docs/ in the bridge's repository.
type guide struct {
	File  string
	About string
}

// guides are those that a newcomer wants first.
var guides = []guide{
	{"sse.md", "view a topic live: EventSource, culvert.js"},
	{"websocket.md", "inject and view over one socket"},
	{"queues.md", "share work, with leases and dead letters"},
	{"clients.md", "curl, JavaScript, Python, Go, Java"},
	{"examples/README.md", "pages and workers to start from"},
	{"api.md", "every route, parameter, error and close code"},
	{"brokers.md", "choose a broker, and change it"},
	{"operations.md", "listen, proxies, sizing, metrics"},
}

//go:embed home.html
var source string

// front is what the page shows.
type front struct {
	about
	Origin string
	Guides []guide
}

// home is the page of GET /.
type home struct {
	template *template.Template
	page     edge.Page
}

func newHome() (home, error) {
	t, err := template.New("home").Parse(source)
	if err != nil {
		return home{}, err
	}
	// The hashes of the policy are of what is sent: html/template leaves comments out.
	var text bytes.Buffer
	if err := t.Execute(&text, front{}); err != nil {
		return home{}, err
	}
	page, err := edge.NewPage(text.Bytes(), "'self'") // the page's script imports /culvert.js
	return home{t, page}, err
}

// front serves GET /: a page for people, JSON for programs.
func (e *Edge) front(w http.ResponseWriter, r *http.Request) error {
	if err := edge.QueryParams(r.URL.RawQuery, e.limits).Err(); err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept, Origin, X-Forwarded-Proto")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return document(w, e.aboutUs())
	}
	var text bytes.Buffer
	if err := e.home.template.Execute(&text, front{e.aboutUs(), originOf(r), guides}); err != nil {
		return err
	}
	e.home.page.Head(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(text.Len())) // for a HEAD too
	_, err := w.Write(text.Bytes())
	return err
}

// originOf is what a client puts before the paths of the server that r reached. That a proxy has ended TLS is anybody's word, which changes nothing but the page of who says it.
func originOf(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
