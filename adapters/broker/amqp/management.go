package amqp

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// managementBytes is how long an answer of the management plugin may be: some hundred thousand names.
const managementBytes = 64 << 20

// management asks the server's management plugin, over its HTTP API, what AMQP does not tell.
type management struct {
	base     *url.URL // without the user
	username string
	password string
	vhost    string
	client   *http.Client
	log      *slog.Logger
}

// newManagement gives nil where the settings name no management plugin. It does not connect.
func newManagement(cfg Config, secure *tls.Config, log *slog.Logger) (*management, error) {
	if cfg.Management == "" {
		return nil, nil
	}
	base, err := url.Parse(cfg.Management)
	if err != nil {
		return nil, err
	}
	server, err := amqp091.ParseURI(cfg.URL)
	if err != nil {
		return nil, err
	}
	m := &management{base: base, vhost: server.Vhost, log: log, username: server.Username, password: server.Password}
	if cfg.Username != "" {
		m.username, m.password = cfg.Username, cfg.Password
	}
	if base.User != nil {
		m.username = base.User.Username()
		m.password, _ = base.User.Password()
		base.User = nil
	}
	m.client = &http.Client{
		Timeout:   cfg.RequestTimeout,
		Transport: &http.Transport{TLSClientConfig: secure.Clone(), DisableKeepAlives: true}, // it is asked rarely
	}
	return m, nil
}

// exchange is what the plugin tells of an exchange.
type exchange struct {
	Name     string `json:"name"`
	Durable  bool   `json:"durable"`
	Internal bool   `json:"internal"`
}

func (m *management) exchanges(ctx context.Context) (list []exchange, err error) {
	return list, m.get(ctx, &list, "name,durable,internal", "exchanges", m.vhost)
}

// held is what the plugin tells of how much a queue has, whether somebody holds it or not; nil where it has not counted it yet.
type held struct {
	Name     string `json:"name"`
	Messages *int64 `json:"messages"`
}

// messages is how many messages each queue has; nil where the plugin has not counted them yet.
func (m *management) messages(ctx context.Context) (map[string]*int64, error) {
	var list []held
	if err := m.get(ctx, &list, "name,messages", "queues", m.vhost); err != nil {
		return nil, err
	}
	counts := make(map[string]*int64, len(list))
	for _, q := range list {
		counts[q.Name] = q.Messages
	}
	return counts, nil
}

// holds is how many messages a queue has, whether somebody holds them or not: those of a quorum queue as of up to five seconds ago.
func (m *management) holds(ctx context.Context, queue string) (int64, error) {
	// What the plugin says of a queue by itself has no totals. And a list that is asked for names takes capitals for small letters, so that there may be more than one.
	only := url.Values{"name": {"^" + regexp.QuoteMeta(queue) + "$"}, "use_regex": {"true"}, "page": {"1"}, "page_size": {"500"}}
	var found struct {
		Items []held `json:"items"`
	}
	if err := m.ask(ctx, &found, only, "name,messages", "queues", m.vhost); err != nil {
		return 0, err
	}
	for _, q := range found.Items {
		if q.Name == queue && q.Messages != nil {
			return *q.Messages, nil
		}
	}
	return 0, errNotFound
}

// inspect finds out how a queue that is there was declared.
func (m *management) inspect(ctx context.Context, q *queue) error {
	var found struct {
		Arguments map[string]any `json:"arguments"`
	}
	if err := m.get(ctx, &found, "arguments", "queues", m.vhost, q.name); err != nil {
		return err
	}
	q.single, _ = found.Arguments[amqp091.SingleActiveConsumerArg].(bool)
	q.kind, _ = found.Arguments[amqp091.QueueTypeArg].(string)
	_, q.expires = found.Arguments[amqp091.QueueTTLArg]
	if q.kind == amqp091.QueueTypeStream {
		return errStream(q.name)
	}
	return nil
}

// bound are the queues that are given what is published to a topic. Where it has no exchange it is UnknownTopic.
func (m *management) bound(ctx context.Context, l layout) (queues []string, err error) {
	if l.exchange == "" {
		return []string{l.routingKey}, nil
	}
	var list []struct {
		Destination string `json:"destination"`
		Type        string `json:"destination_type"`
	}
	err = m.get(ctx, &list, "destination,destination_type", "exchanges", m.vhost, l.exchange, "bindings", "source")
	if err == nil && len(list) == 0 { // also where there is no such exchange
		err = m.get(ctx, &exchange{}, "name", "exchanges", m.vhost, l.exchange)
	}
	if errors.Is(err, errNotFound) {
		return nil, domain.Errorf(domain.UnknownTopic, "there is no topic %q", l.topic)
	}
	for _, b := range list {
		if b.Type == "queue" {
			queues = append(queues, b.Destination)
		}
	}
	return queues, err
}

// errNotFound says that there is nothing of a name.
var errNotFound = errors.New("the management plugin knows nothing of this name")

// get reads columns of what stands at a path of the API into v.
func (m *management) get(ctx context.Context, v any, columns string, path ...string) error {
	return m.ask(ctx, v, url.Values{}, columns, path...)
}

// ask is get with more to the question, to which it adds.
func (m *management) ask(ctx context.Context, v any, query url.Values, columns string, path ...string) error {
	at := m.base.JoinPath("api")
	for _, segment := range path {
		at = at.JoinPath(url.PathEscape(segment))
	}
	// The plugin's own statistics come late, by seconds; the totals are the queues' own.
	query.Set("columns", columns)
	query.Set("disable_stats", "true")
	query.Set("enable_queue_totals", "true")
	at.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	request.SetBasicAuth(m.username, m.password)
	response, err := m.client.Do(request)
	if err != nil {
		return m.away(err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return errNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		m.log.Warn("the management plugin refuses this user: it needs the tag management", "url", m.base.Redacted(), "user", m.username, "status", response.Status)
		return m.away(fmt.Errorf("GET %s: %s", at.Path, response.Status))
	default:
		return m.away(fmt.Errorf("GET %s: %s", at.Path, response.Status))
	}
	body := io.LimitedReader{R: response.Body, N: managementBytes}
	if err := json.NewDecoder(&body).Decode(v); err != nil {
		if body.N <= 0 {
			err = fmt.Errorf("an answer of more than %d bytes", managementBytes)
		}
		return m.away(fmt.Errorf("GET %s: %w", at.Path, err))
	}
	return nil
}

func (m *management) away(cause error) error {
	return domain.Errorf(domain.Unavailable, "the broker's management plugin does not answer").Because(cause)
}
