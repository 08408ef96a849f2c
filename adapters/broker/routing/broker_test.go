package routing

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"culvert/domain"
	"culvert/ports"
)

// routes are the rules of most tests: main is the default broker, other another one.
var routes = []Route{
	{Name: "secret.*", Allow: false},
	{Name: "orders", Allow: true, Broker: "other", Physical: "prod-orders-v2"},
	{Name: "eu.*", Allow: true, Broker: "other", Physical: "region.*.eu"},
	{Name: "*.log", Allow: true, Broker: "other"},
}

func newBroker(t *testing.T, main, other ports.Broker) *Broker {
	t.Helper()
	b, err := New(routes, map[string]ports.Broker{"main": main, "other": other}, "main")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoutesAreChecked(t *testing.T) {
	brokers := map[string]ports.Broker{"main": &stub{}}
	for want, route := range map[string]Route{
		`topics[0].name: "" can be no topic`:              {Name: ""},
		`topics[0].name: "a b" can be no topic`:           {Name: "a b"},
		`topics[0].name: "a?" can be no topic`:            {Name: "a?"},
		`topics[0].name: ".." can be no topic`:            {Name: ".."},
		`topics[0].physical: "a/b" can be no topic`:       {Name: "a", Physical: "a/b"},
		`topics[0].physical is "b" for the name "a*"`:     {Name: "a*", Physical: "b"},
		`topics[0].physical is "b*" for the name "a"`:     {Name: "a", Physical: "b*"},
		`topics[0].physical is "x**" for the name "a*b*"`: {Name: "a*b*", Physical: "x**"},
		`topics[0].broker: there is no broker "kafka"`:    {Name: "a", Broker: "kafka"},
	} {
		_, err := New([]Route{route}, brokers, "main")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", route, err, want)
		}
	}
	for _, ok := range []Route{{Name: "*"}, {Name: ".*"}, {Name: "a*b*"}, {Name: "a*", Physical: "*"}} {
		if _, err := New([]Route{ok}, brokers, "main"); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
	if _, err := New(nil, brokers, "kafka"); err == nil {
		t.Error("a default broker that is not there was taken")
	}
}

func TestEachTopicGoesToItsBroker(t *testing.T) {
	for topic, want := range map[domain.Topic]target{
		"orders":     {"orders", "other", "prod-orders-v2"},
		"orders2":    {"orders2", "main", "orders2"},
		"eu.a.b":     {"eu.a.b", "other", "region.a.b.eu"},
		"access.log": {"access.log", "other", "access.log"},
		"eu.log":     {"eu.log", "other", "region.log.eu"}, // the first route that matches counts
	} {
		main, other := &listing{}, &listing{}
		b := newBroker(t, main, other)
		used, unused := main, other
		if want.broker == "other" {
			used, unused = other, main
		}
		if err := useAll(t, b, topic); err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
		if !slices.Equal(used.asked, slices.Repeat([]domain.Topic{want.physical}, 5)) || len(unused.asked) != 0 {
			t.Errorf("%s: asked for %v, of the other broker for %v", topic, used.asked, unused.asked)
		}
		info, err := b.Describe(t.Context(), topic)
		if err != nil || info.Topic != topic || info.Broker != want.broker || info.Epoch != 5 {
			t.Errorf("%s: %+v, %v", topic, info, err)
		}
		if cs := b.Capabilities(topic); len(cs) != 1 || cs[0] != domain.Capability(want.physical) {
			t.Errorf("%s: capabilities %v", topic, cs)
		}
	}
}

// useAll uses topic by every method there is, and gives the last error; all must agree on whether there is one.
func useAll(t *testing.T, b *Broker, topic domain.Topic) (err error) {
	t.Helper()
	var all []error
	b.Publish(t.Context(), topic, []*domain.Message{{}}, func(_ int, _ domain.Ack, err error) { all = append(all, err) })
	_, chunks, err := b.Tail(t.Context(), topic, domain.StartLatest())
	all = append(all, err)
	if err == nil {
		for chunk := range chunks {
			if chunk.Next != 7 {
				t.Errorf("chunk %+v", chunk)
			}
		}
	}
	for _, err := range b.Join(t.Context(), topic, "billing", domain.Terms{}) {
		all = append(all, err)
	}
	_, err = b.Describe(t.Context(), topic)
	all = append(all, err, b.Ensure(t.Context(), topic))
	for _, err := range all {
		if (err == nil) != (all[0] == nil) || err != nil && domain.CodeOf(err) != domain.CodeOf(all[0]) {
			t.Fatalf("the methods do not agree: %v", all)
		}
	}
	return all[len(all)-1]
}

func TestTopicsThatAreNotAllowed(t *testing.T) {
	main, other := &listing{}, &listing{}
	b := newBroker(t, main, other)
	if err := useAll(t, b, "secret.plan"); domain.CodeOf(err) != domain.NotAllowed {
		t.Fatalf("got %v", err)
	}
	if len(main.asked)+len(other.asked) != 0 {
		t.Fatal("a broker was asked")
	}
	if cs := b.Capabilities("secret.plan"); cs != nil {
		t.Fatalf("capabilities %v", cs)
	}
}

func TestNoPhysicalNameInErrors(t *testing.T) {
	other := &listing{}
	other.err = domain.Errorf(domain.UnknownTopic, "there is no topic %q", "prod-orders-v2")
	err := useAll(t, newBroker(t, &stub{}, other), "orders")
	if e := domain.AsError(err); e.Code != domain.UnknownTopic || strings.Contains(e.Detail, "prod") || !strings.Contains(e.Detail, `"orders"`) {
		t.Fatalf("got %v", err)
	}
}

// Only unknown topics were called by the name that strangers know. What else was wrong with a topic, as a from that its queue cannot begin at, told what its broker calls it.
func TestNoPhysicalNameWhateverIsWrong(t *testing.T) {
	for detail, want := range map[string]string{
		`queue "billing" of topic "prod-orders-v2" can begin nowhere else`: `queue "billing" of topic "orders" can begin nowhere else`,
		`what there is as "prod-orders-v2:billing" is a stream`:            `what there is as "orders:billing" is a stream`,
		`the topic "prod-orders-v20" is another one`:                       `the topic "prod-orders-v20" is another one`,
	} {
		other := &listing{}
		other.err = domain.Errorf(domain.Unsupported, "%s", detail)
		err := useAll(t, newBroker(t, &stub{}, other), "orders")
		if e := domain.AsError(err); e.Code != domain.Unsupported || e.Detail != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPhysicalNameThatCannotBe(t *testing.T) {
	long := domain.Topic("eu." + strings.Repeat("x", 246))
	if err := useAll(t, newBroker(t, &stub{}, &listing{}), long); domain.CodeOf(err) != domain.InvalidRequest {
		t.Fatalf("got %v", err)
	}
}

func expectList(t *testing.T, b *Broker, wantComplete bool, want ...ports.TopicEntry) {
	t.Helper()
	got, complete, err := b.List(t.Context())
	if err != nil || complete != wantComplete || !slices.Equal(got, want) {
		t.Fatalf("got %v, complete %t, %v; want %v", got, complete, err, want)
	}
}

func TestListMergesCatalogues(t *testing.T) {
	main := &listing{topics: []domain.Topic{
		"plain",
		"orders",     // is another broker's here
		"secret.key", // nobody may know
		"sys.log",    // is another broker's here
	}}
	other := &listing{topics: []domain.Topic{
		"prod-orders-v2",
		"region.a.eu",
		"eu.a", // cannot be reached by any name: eu.a here is region.a.eu there
		"sys.log",
		"internal", // no route leads here
	}}
	b := newBroker(t, main, other)
	expectList(t, b, true,
		ports.TopicEntry{Topic: "eu.a", Broker: "other"},
		ports.TopicEntry{Topic: "orders", Broker: "other"},
		ports.TopicEntry{Topic: "plain", Broker: "main"},
		ports.TopicEntry{Topic: "sys.log", Broker: "other"},
	)
	topics, err := b.Topics(t.Context())
	if err != nil || !slices.Equal(topics, []domain.Topic{"eu.a", "orders", "plain", "sys.log"}) {
		t.Fatalf("got %v, %v", topics, err)
	}
}

func TestListWithoutCatalogueTellsWhatWasUsed(t *testing.T) {
	other := &stub{}
	b := newBroker(t, &listing{topics: []domain.Topic{"plain"}}, other)
	expectList(t, b, false, ports.TopicEntry{Topic: "plain", Broker: "main"})
	if err := useAll(t, b, "orders"); err != nil {
		t.Fatal(err)
	}
	other.err = domain.Errorf(domain.UnknownTopic, "no")
	if err := useAll(t, b, "eu.none"); err == nil {
		t.Fatal("no error")
	}
	expectList(t, b, false, ports.TopicEntry{Topic: "orders", Broker: "other"}, ports.TopicEntry{Topic: "plain", Broker: "main"})
}

func TestListWhereCatalogueIsNotSupported(t *testing.T) {
	b := newBroker(t, &listing{topics: []domain.Topic{"plain"}}, &listing{listErr: domain.Errorf(domain.Unsupported, "no")})
	expectList(t, b, false, ports.TopicEntry{Topic: "plain", Broker: "main"})
}

// A broker that does not answer does not hide the topics of the others.
func TestListWithABrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &listing{listErr: context.DeadlineExceeded}
		b := newBroker(t, &listing{topics: []domain.Topic{"plain"}}, away)
		expectList(t, b, false, ports.TopicEntry{Topic: "plain", Broker: "main"})
		// But then nobody knows which topics a pattern names.
		if topics, err := b.Topics(t.Context()); domain.CodeOf(err) != domain.Unavailable {
			t.Fatalf("got %v, %v", topics, err)
		}
		b = newBroker(t, &listing{listErr: errors.New("broken")}, away)
		if _, _, err := b.List(t.Context()); domain.CodeOf(err) != domain.Unavailable {
			t.Fatalf("got %v", err)
		}
	})
}

func TestUsedIsBounded(t *testing.T) {
	var u used
	for i := range maxUsed + 10 {
		u.add(domain.Topic(strings.Repeat("x", i%200) + string(rune('a'+i%7)) + strings.Repeat("y", i/200)))
	}
	if n := len(u.list()); n != maxUsed {
		t.Fatalf("%d topics are remembered", n)
	}
}

func TestPingNamesWhoIsAway(t *testing.T) {
	b := newBroker(t, &stub{}, &stub{ping: errors.New("refused")})
	err := b.Ping(t.Context())
	if e := domain.AsError(err); e.Code != domain.Unavailable || !strings.Contains(e.Detail, "other") || strings.Contains(e.Detail, "main") {
		t.Fatalf("got %v", err)
	}
	health := b.Health(t.Context())
	if len(health) != 2 || health["main"] != nil || health["other"] == nil {
		t.Fatalf("got %v", health)
	}
	if err := newBroker(t, &stub{}, &stub{}).Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCloseClosesEachOnce(t *testing.T) {
	main, other := &stub{}, &stub{}
	b := newBroker(t, main, other)
	for range 2 {
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if main.closed != 1 || other.closed != 1 {
		t.Fatalf("closed %d and %d times", main.closed, other.closed)
	}
}

// FuzzRoute: what the catalogue tells of a physical name leads back to it.
func FuzzRoute(f *testing.F) {
	f.Add("eu.*", "region.*.eu", "eu.a")
	f.Add("*", "p-*", "a")
	f.Add("a", "b", "a")
	f.Fuzz(func(t *testing.T, name, physical, s string) {
		r := Route{Name: name, Allow: true, Physical: physical}
		topic, err := domain.ParseTopic(s)
		if err != nil || r.Validate() != nil || !r.matches(topic) {
			return
		}
		there, err := r.physical(topic)
		if err != nil {
			return
		}
		if back, ok := r.logical(there); !ok || back != topic {
			t.Fatalf("%q is %q there, which is %q here", topic, there, back)
		}
	})
}
