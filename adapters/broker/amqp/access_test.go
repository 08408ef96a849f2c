package amqp

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"culvert/domain"
	"culvert/tests/brokers"
)

// Operators let a bridge read and write what is there, and configure nothing. The log of a topic is bound anew by whoever uses it, which such users may not do: they could do nothing at
// all with it. And how a queue was declared is found out by declaring it: its order of keys was denied, in the belief that it had none.
func TestWhatIsThereNeedsNoRightToConfigure(t *testing.T) {
	t.Parallel()
	rabbit := brokers.StartRabbitMQ(t)
	topic := domain.Topic(brokers.Topic(t))
	owner := openBroker(t, rabbit.URL())
	publish(t.Context(), t, owner, topic, numbered(0, 1)...).are("")
	if _, err := joined(t, owner, topic); err != nil {
		t.Fatal(err)
	}
	users := map[string]struct {
		write, read string
		publishing  domain.Code
		viewing     domain.Code
	}{
		"worker": {".*", ".*", "", ""},
		"viewer": {"", ".*", domain.NotAllowed, ""},
		"writer": {".*", "", "", domain.NotAllowed},
	}
	var create strings.Builder // all at once: each call of rabbitmqctl costs seconds
	for name, c := range users {
		fmt.Fprintf(&create, `ok = rabbit_auth_backend_internal:add_user(<<"%[1]s">>, <<"secret">>, <<"test">>),
			ok = rabbit_auth_backend_internal:set_tags(<<"%[1]s">>, [management], <<"test">>),
			ok = rabbit_auth_backend_internal:set_permissions(<<"%[1]s">>, <<"/">>, <<"">>, <<"%[2]s">>, <<"%[3]s">>, <<"test">>), `, name, c.write, c.read)
	}
	rabbit.Ctl(t, "eval", create.String()+"ok.")
	for name, c := range users {
		t.Run(name, func(t *testing.T) {
			j := &journal{}
			b := openBroker(t, rabbit.URL(), as(name), func(cfg *Config) { cfg.Management = rabbit.Server().Management })
			b.management.username, b.management.password = name, "secret"
			b.log = slog.New(slog.NewTextHandler(j, nil))
			publish(t.Context(), t, b, topic, numbered(0, 3)...).are(c.publishing)
			if err := begun(t, b, topic); domain.CodeOf(err) != c.viewing && (err != nil || c.viewing != "") {
				t.Errorf("viewing: %v, want %q", err, c.viewing)
			}
			event, err := joined(t, b, topic)
			if c.viewing != "" {
				if domain.CodeOf(err) != c.viewing {
					t.Errorf("joining: %v, want %q", err, c.viewing)
				}
				return
			}
			if err != nil || event.Order == domain.OrderNone {
				t.Errorf("joining: %v, with the order %q", err, event.Order)
			}
			if err := begun(t, b, topic+"-new"); domain.CodeOf(err) != domain.NotAllowed {
				t.Errorf("viewing what is not there: %v", err)
			}
			if c.write == "" && j.count("may not bind") != 1 {
				t.Errorf("the log says:\n%s", j.text.String())
			}
			if c.write == "" && !barred(t, b, topic) {
				t.Error("it goes on to bind what it may not")
			}
		})
	}

	// Without the plugin nobody tells, and the log says so.
	j := &journal{}
	b := openBroker(t, rabbit.URL(), as("worker"))
	b.log = slog.New(slog.NewTextHandler(j, nil))
	if event, err := joined(t, b, topic); err != nil || event.Order != domain.OrderNone || j.count("right to configure") != 1 {
		t.Errorf("joining: %v, with the order %q, and the log says:\n%s", err, event.Order, j.text.String())
	}
}

func as(name string) func(*Config) {
	return func(c *Config) { c.Username, c.Password = name, "secret" }
}

// barred reports whether a member has found out that it may not bind its queue, which every few seconds was an error in the server's log, and stays all the same.
func barred(t *testing.T, b *Broker, topic domain.Topic) bool {
	t.Helper()
	conn, err := b.joining.connection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := &membership{broker: b, conn: conn, layout: b.cfg.layout(topic)}
	if err := m.rebind(t.Context(), queue{name: m.layout.queue("workers")}); err != nil {
		t.Error(err)
	}
	return m.barred
}

// begun is why a topic cannot be viewed.
func begun(t *testing.T, b *Broker, topic domain.Topic) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, chunks, err := b.Tail(ctx, topic, domain.StartLatest())
	if err == nil {
		cancel()
		for range chunks { // ends with ctx
		}
	}
	return err
}

// joined is what a new member is told first.
func joined(t *testing.T, b *Broker, topic domain.Topic) (domain.LaneEvent, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for event, err := range b.Join(ctx, topic, "workers", domain.Terms{}) {
		return event, err
	}
	return domain.LaneEvent{}, ctx.Err()
}
