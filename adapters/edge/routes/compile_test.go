package routes

import (
	"strings"
	"testing"
)

func TestWhatIsWrongIsSaidWithItsKey(t *testing.T) {
	as := func(pairs ...string) (all []Parameter) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, Parameter{pairs[i], pairs[i+1]})
		}
		return all
	}
	fine := Route{Path: "/fine", Topic: "orders"}
	at := func(path string) Route { return Route{Path: path, Topic: "orders"} }
	for _, c := range []struct {
		routes []Route
		want   string
	}{
		{[]Route{{Topic: "orders"}}, `routes[0].path is "": it begins with a slash, as /stock-prices/{key}`},
		{[]Route{at("a/b")}, `routes[0].path is "a/b": it begins with a slash, as /stock-prices/{key}`},
		{[]Route{fine, at("/a?b")}, `routes[1].path is "/a?b": it ends before the query; parameters renames what stands there`},
		{[]Route{at("/a%20b")}, `routes[0].path is "/a%20b": write its characters as they are, without %`},
		{[]Route{at("/a/*")}, `routes[0].path is "/a/*": there is no *; {name} stands for one segment`},
		{[]Route{at("/a/../b")}, `routes[0].path is "/a/../b": clients take ".." out of what they ask for`},
		{[]Route{at("/a/{b")}, `routes[0].path is wrong: "{b" has a { without a }`},
		{[]Route{at("/a/b}")}, `routes[0].path is wrong: "b}" has a } without a {`},
		{[]Route{at("/a/{b c}")}, `routes[0].path is wrong: "{b c}" has {b c}: a variable is named with letters, digits and _`},
		{[]Route{at("/a/{}")}, `routes[0].path is wrong: "{}" has {}: a variable is named with letters, digits and _`},
		{[]Route{{Path: "/a/x{b}", Topic: "{b}"}}, `routes[0].path is "/a/x{b}": a variable stands for a whole segment, which "x{b}" is not`},
		{[]Route{{Path: "/{a}/{a}", Topic: "{a}"}}, `routes[0].path is "/{a}/{a}": {a} is there twice`},

		{[]Route{at("/")}, `routes[0].path is "/": that is the bridge's own`},
		{[]Route{at("/v1")}, `routes[0].path is "/v1": that is the bridge's own`},
		{[]Route{at("/v1/prices")}, `routes[0].path is "/v1/prices": that is the bridge's own`},
		{[]Route{at("/culvert.js")}, `routes[0].path is "/culvert.js": that is the bridge's own`},
		{[]Route{at("/culvert.d.ts")}, `routes[0].path is "/culvert.d.ts": that is the bridge's own`},
		{[]Route{at("/openapi.yaml")}, `routes[0].path is "/openapi.yaml": that is the bridge's own`},
		{[]Route{at("/asyncapi.yaml")}, `routes[0].path is "/asyncapi.yaml": that is the bridge's own`},

		{[]Route{at("/a/{b}")}, `routes[0].path is "/a/{b}": {b} is used nowhere; topic, queue, key or headers can`},
		{[]Route{{Path: "/a", Topic: "{b}"}}, `routes[0].topic is "{b}": the path has no {b}`},
		{[]Route{{Path: "/a", Topic: "b", Queue: "{q}"}}, `routes[0].queue is "{q}": the path has no {q}`},
		{[]Route{{Path: "/a", Topic: "b", Key: "k-{c}"}}, `routes[0].key is "k-{c}": the path has no {c}`},
		{[]Route{{Path: "/a", Topic: "b", Headers: []string{"x:1", "y:{c}"}}}, `routes[0].headers[1] is "y:{c}": the path has no {c}`},
		{[]Route{{Path: "/a", Topic: "b", Key: "{"}}, `routes[0].key is wrong: "{" has a { without a }`},
		{[]Route{{Path: "/a", Topic: "b", Headers: []string{"x"}}}, `routes[0].headers[0] is "x": it is name:value, and only the value may have a variable`},
		{[]Route{{Path: "/a/{n}", Topic: "b", Key: "{n}", Headers: []string{"{n}:x"}}}, `routes[0].headers[0] is "{n}:x": it is name:value, and only the value may have a variable`},
		{[]Route{at("/a"), {Path: "/b", Topic: "or ders"}}, `routes[1].topic: topic name "or ders" has ' ' at character 3; letters, digits, '.', '_' and '-' are possible`},
		{[]Route{{Path: "/a/{b}", Topic: "x/{b}"}}, `routes[0].topic: topic name "x/x" has '/' at character 2; letters, digits, '.', '_' and '-' are possible`},
		{[]Route{{Path: "/a", Topic: "b", Queue: "*"}}, `routes[0].queue: queue name "*" has '*' at character 1; letters, digits, '.', '_' and '-' are possible`},

		{[]Route{{Path: "/a"}}, `routes[0].topic is missing: name it, or a parameter as topic`},
		{[]Route{{Path: "/a", Topic: "b", Queue: "c", Key: "d"}}, `routes[0].key is "d" beside a queue: members of a queue cannot choose, so leave one of them out`},
		{[]Route{{Path: "/a", Topic: "b", Headers: []string{"x:1"}, Parameters: as("q", "queue")}}, `routes[0].headers are ["x:1"] beside a queue: members of a queue cannot choose, so leave one of them out`},

		{[]Route{{Path: "/a", Topic: "b", Parameters: as("", "from")}}, `routes[0].parameters[0].name is empty: it is what clients call the parameter`},
		{[]Route{{Path: "/a", Topic: "b", Parameters: as("x", "from", "x", "to")}}, `routes[0].parameters[1].name is "x", as that of an entry before: a parameter can be one thing only`},
		{[]Route{{Path: "/a", Topic: "b", Parameters: as("x", "from", "y", "from")}}, `routes[0].parameters[1].as is "from", as that of parameters[0]: there can be one name for it`},
		{[]Route{{Path: "/a", Topic: "b", Parameters: as("limit", "from")}}, `routes[0].parameters[0].name is "limit", a parameter that the bridge has: nobody could give that here`},
		{[]Route{{Path: "/a", Topic: "b", Parameters: as("x", "lastEventID")}}, `routes[0].parameters[0].as is "lastEventID", which is no parameter: it is one of topic, queue, ack, batch, confirm, envelope, event, from, header, key, lastEventId, limit, max_in_flight, mode, overflow, results, strict, to`},
		{[]Route{{Path: "/a", Topic: "b", Parameters: as("t", "topic")}}, `routes[0].parameters[0].as is "topic", which the route fixes: leave one of them out`},
		{[]Route{{Path: "/a", Topic: "b", Queue: "c", Parameters: as("q", "queue")}}, `routes[0].parameters[0].as is "queue", which the route fixes: leave one of them out`},
		{[]Route{{Path: "/a", Topic: "b", Key: "c", Parameters: as("k", "key")}}, `routes[0].parameters[0].as is "key", which the route fixes: leave one of them out`},

		{[]Route{fine, fine}, `routes[1].path is "/fine": routes[0] (/fine) has the same paths; leave one of them out`},
		{[]Route{{Path: "/a/{x}", Topic: "{x}"}, fine, {Path: "/a/{y}", Topic: "{y}"}}, `routes[2].path is "/a/{y}": routes[0] (/a/{x}) has the same paths; leave one of them out`},
		{[]Route{{Path: "/a/{x}/c", Topic: "{x}"}, {Path: "/a/b/{y}", Topic: "{y}"}}, `routes[1].path is "/a/b/{y}": there are paths that are also those of routes[0] (/a/{x}/c), and neither says more of them; change a segment of one of them`},
	} {
		err := Validate(c.routes)
		if err == nil || err.Error() != c.want {
			t.Errorf("%+v\ngot  %v\nwant %s", c.routes, err, c.want)
		}
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	err := Validate([]Route{{Path: "a", Key: "{b"}, {Path: "/{a}/b"}})
	if err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("%v", err)
	}
}

func TestRoutesThatCanBe(t *testing.T) {
	if err := Validate([]Route{
		{Path: "/stock-prices", Topic: "stock-prices"},
		{Path: "/stock-prices/{key}", Topic: "stock-prices", Key: "{key}"},
		{Path: "/stock-prices/all", Topic: "stock-prices"}, // says more than the one before
		{Path: "/{topic}", Topic: "{topic}"},               // the bridge's own come first
		{Path: "/{a}/{b}", Topic: "{a}.{b}"},
		{Path: "/trailing/", Topic: "orders"},
		{Path: "/stöcke/süß", Topic: "orders", Headers: []string{"type: alert", "region:"}},
		{Path: "/q/{queue}", Topic: "orders", Queue: "{queue}"},
		{Path: "/sse", Parameters: []Parameter{{"topicName", "topic"}, {"queueName", "queue"}, {"lastId", "lastEventId"}, {"t", "from"}}},
		{Path: "/same", Parameters: []Parameter{{"topic", "topic"}, {"queue", "queue"}}},
	}); err != nil {
		t.Error(err)
	}
}

// A third route could settle which of two crossing ones is meant where they meet, but who reads the file would have to work that out.
func TestCrossingRoutesAreNotSettledByAThird(t *testing.T) {
	err := Validate([]Route{{Path: "/a/b", Topic: "x"}, {Path: "/a/{y}", Topic: "{y}"}, {Path: "/{x}/b", Topic: "{x}"}})
	if err == nil || !strings.HasPrefix(err.Error(), "routes[2].path") {
		t.Errorf("%v", err)
	}
}
