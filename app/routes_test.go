package app

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"culvert/adapters/edge/routes"
)

func TestRoutesOfAFile(t *testing.T) {
	cfg := load(t, write(t, `
routes:
  - path: /stock-prices/{Key}
    topic: stock-prices
    key: "{Key}"
  - path: /alerts
    topic: notices
    headers: ["Type:alert"]
  - path: /sse
    parameters:
      - {name: topicName, as: topic}
      - {name: lastId, as: lastEventId}
`), nil)
	want := []routes.Route{
		{Path: "/stock-prices/{Key}", Topic: "stock-prices", Key: "{Key}"},
		{Path: "/alerts", Topic: "notices", Headers: []string{"Type:alert"}},
		{Path: "/sse", Parameters: []routes.Parameter{{Name: "topicName", As: "topic"}, {Name: "lastId", As: "lastEventId"}}},
	}
	if !reflect.DeepEqual(cfg.Routes, want) {
		t.Errorf("got\n%+v\nwant\n%+v", cfg.Routes, want)
	}
	again := load(t, write(t, Print(cfg)), nil)
	if Print(again) != Print(cfg) {
		t.Errorf("what is printed does not say the same:\n%s", Print(again))
	}
}

func TestWhatIsWrongWithRoutesIsSaid(t *testing.T) {
	for file, want := range map[string]string{
		"routes: [{path: /v1/x, topic: a}]\n":                                                      `routes[0].path is "/v1/x": that is the bridge's own`,
		"routes: [{path: /x, topic: a}, {path: /x, topic: b}]\n":                                   `routes[1].path is "/x": routes[0] (/x) has the same paths`,
		"routes: [{pfad: /x}]\n":                                                                   `unknown key routes[0].pfad`,
		"routes: [{path: /x, parameters: [{nam: a}]}]\n":                                           `unknown key routes[0].parameters[0].nam; did you mean name?`,
		"routes: [{path: /x, headers: [type: alert]}]\n":                                           `routes[0].headers is a list of words`,
		"topics: [{name: a.b}, {name: a.*, allow: false}]\nroutes: [{path: /x, topic: a.c}]\n":     `routes[0].topic is "a.c", which topics[1] allows nobody; to keep it for routes say hidden: true there, not allow: false`,
		"topics: [{name: a, allow: false, hidden: true}]\n":                                        `topics[0].allow is false, so hidden, broker, physical and create mean nothing`,
		"topics: [{name: a, hidden: maybe}]\n":                                                     `topics[0].hidden: "maybe" is neither true nor false`,
		"topics: [{name: a, allow: false}]\nroutes: [{path: /a, topic: a}, {path: b, topic: c}]\n": `routes[0].topic is "a", which topics[0] allows nobody`,
	} {
		_, err := Load(write(t, file), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", file, err, want)
		}
	}
	if _, err := Load(write(t, "topics: [{name: a.b}, {name: a.*, allow: false}]\nroutes: [{path: /x, topic: a.b}]\n"), nil); err != nil {
		t.Errorf("the first rule that fits counts: %v", err)
	}
}

// A list of what may be used, with a last rule that allows nothing else, refused every route whose topic has a variable.
func TestARouteWithAVariableMayLeadToSomeTopicsOnly(t *testing.T) {
	cfg := load(t, write(t, `
topics:
  - {name: red.*}
  - {name: "*", allow: false}
routes:
  - {path: "/jobs/{team}", topic: "{team}.orders"}
`), nil)
	cfg.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	a := start(t, cfg)
	for team, want := range map[string]int{"red": http.StatusOK, "blue": http.StatusForbidden} {
		if got := ask(t, http.MethodPost, a.URL()+"/jobs/"+team, "x"); got.status != want {
			t.Errorf("%s: %d %s", team, got.status, got.body)
		}
	}
}

// Routes are for strangers; operators have the topics themselves.
func TestRoutesAreOnThePublicListener(t *testing.T) {
	cfg := OnFreePorts()
	cfg.Routes = []routes.Route{{Path: "/livez", Topic: "orders"}}
	a := start(t, cfg)
	if got := ask(t, http.MethodPost, a.URL()+"/livez", "x"); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := ask(t, http.MethodGet, a.AdminURL()+"/livez", ""); got.body != "{\"live\":true}\n" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := ask(t, http.MethodPost, a.AdminURL()+"/orders", "x"); got.status != http.StatusNotFound {
		t.Errorf("%d %s", got.status, got.body)
	}
}
