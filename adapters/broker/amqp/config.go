package amqp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/adapters/broker"
)

// Config says where the server is and how it is used.
type Config struct {
	// URL is amqp://user:password@host:port/vhost, or amqps:// for TLS (the URI specification of RabbitMQ). Without a user it is guest, as whom RabbitMQ lets only its own
	// machine in.
	URL string `mapstructure:"url"`
	// Username and Password, where they are set, count instead of those in the URLs.
	Username string     `mapstructure:"username"`
	Password string     `mapstructure:"password"`
	TLS      broker.TLS `mapstructure:"tls"`
	// Management is the URL of the server's management plugin, such as http://127.0.0.1:15672: it lists topics and queues, and tells how far queues are behind.
	// Empty: none of that.
	Management string `mapstructure:"management"`
	// DialTimeout is how long connecting and logging in may take, RequestTimeout how long an answer may.
	DialTimeout    time.Duration `mapstructure:"dial_timeout"`
	RequestTimeout time.Duration `mapstructure:"request_timeout"`
	// Heartbeat is how often both sides show that they are there; a server that is silent for twice as long is gone.
	Heartbeat time.Duration `mapstructure:"heartbeat"`

	// PublishTimeout is how long a message may wait for its confirmation where the caller sets no deadline.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`
	// PublishWindow is how many messages of a topic may be unconfirmed before publishing waits. A large one counts once for each 4 KiB.
	PublishWindow int `mapstructure:"publish_window"`

	// Streams says whether topics have logs: auto (where the server is a RabbitMQ that has streams), on, or off.
	Streams string `mapstructure:"streams"`
	// StreamMaxAge and StreamMaxBytes are what a log that we declare keeps at most. 0: no such bound.
	StreamMaxAge   time.Duration `mapstructure:"stream_max_age"`
	StreamMaxBytes int64         `mapstructure:"stream_max_bytes"`
	// StreamSegmentBytes is how large the files of a log are, by which it is cut off at its beginning.
	StreamSegmentBytes int64 `mapstructure:"stream_segment_bytes"`
	// CreateTopics and CreateQueues let topics and queues be made when they are first used; else what is missing is refused.
	CreateTopics bool `mapstructure:"create_topics"`
	CreateQueues bool `mapstructure:"create_queues"`
	// QueueType is what queues that we declare are: classic, or quorum for copies on several nodes.
	QueueType string `mapstructure:"queue_type"`
	// QueueExpires is after how long a queue that nobody uses is gone, with all in it. 0: never.
	QueueExpires time.Duration `mapstructure:"queue_expires"`
	// QueueMaxBytes is how much a queue holds at most: beyond that the server refuses what is published to the topic, until members have caught up. 0: no bound.
	QueueMaxBytes int64 `mapstructure:"queue_max_bytes"`

	// ReadAhead is how many messages of a log are on their way to a reader.
	ReadAhead int `mapstructure:"read_ahead"`
	// Prefetch is how many unsettled messages of a queue this node holds, as many as its lane: at most MaxPrefetch. 0: a thousand.
	// All nodes have the same: with quorum queues the order of a key is lost otherwise, when nodes die one after the other (the server puts what it takes back behind what it has).
	Prefetch int `mapstructure:"-"`
	// ConsumerTimeout is the server's consumer_timeout: after so long an unsettled message costs a node its channel with all leases. What is held for nine tenths of it is
	// given back before that.
	ConsumerTimeout time.Duration `mapstructure:"consumer_timeout"`

	// Topology says of some topics how they lie in the server. The first entry that fits a topic counts.
	Topology []Topology `mapstructure:"topology"`
}

// MaxPrefetch is the largest Prefetch that AMQP can say.
const MaxPrefetch = 65535

// The values of Streams.
const (
	streamsAuto = "auto"
	streamsOn   = "on"
	streamsOff  = "off"
)

// The values of QueueType, as RabbitMQ calls them.
const (
	queueClassic = "classic"
	queueQuorum  = "quorum"
)

// DefaultConfig suits a server nearby with its own defaults.
func DefaultConfig() Config {
	return Config{
		URL:                "amqp://127.0.0.1:5672/",
		DialTimeout:        3 * time.Second,
		RequestTimeout:     10 * time.Second,
		Heartbeat:          10 * time.Second,
		PublishTimeout:     30 * time.Second,
		PublishWindow:      10_000,
		Streams:            streamsAuto,
		StreamMaxAge:       7 * 24 * time.Hour,
		StreamMaxBytes:     10 << 30,
		StreamSegmentBytes: 100 << 20,
		CreateTopics:       true,
		CreateQueues:       true,
		QueueType:          queueClassic,
		QueueExpires:       7 * 24 * time.Hour,
		QueueMaxBytes:      10 << 30,
		ReadAhead:          500,
		ConsumerTimeout:    30 * time.Minute,
	}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	if _, err := amqp091.ParseURI(c.URL); err != nil {
		// Not why: that may tell some of the password.
		return errors.New("url cannot be read: give amqp://user:password@host:5672/vhost, where special characters of names and password are written as in any URL (%2F for /)")
	}
	if u, err := url.Parse(c.Management); c.Management != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("management is no URL of a management plugin: give http://127.0.0.1:15672, or https://… (what is there is not shown, it may hold a password)")
	}
	if c.Username == "" && c.Password != "" {
		return fmt.Errorf("password is set, and username is not: give both, or put both into url")
	}
	if c.Streams != streamsAuto && c.Streams != streamsOn && c.Streams != streamsOff {
		return fmt.Errorf("streams is %q: it must be auto, on or off", c.Streams)
	}
	if c.QueueType != queueClassic && c.QueueType != queueQuorum {
		return fmt.Errorf("queue_type is %q: it must be classic or quorum", c.QueueType)
	}
	if err := c.validateTimes(); err != nil {
		return err
	}
	if err := c.validateNumbers(); err != nil {
		return err
	}
	for i, t := range c.Topology {
		if err := t.validate(); err != nil {
			return fmt.Errorf("topology[%d].%w", i, err)
		}
	}
	if c.TLS.Enabled && !strings.HasPrefix(c.URL, "amqps:") {
		return fmt.Errorf("tls.enabled is true, but url is not of amqps://: the connection would be plain")
	}
	return c.TLS.Validate()
}

func (c Config) validateTimes() error {
	for _, v := range []struct {
		name  string
		d     time.Duration
		least time.Duration
	}{
		{"dial_timeout", c.DialTimeout, time.Millisecond},
		{"request_timeout", c.RequestTimeout, time.Millisecond},
		{"heartbeat", c.Heartbeat, time.Second}, // AMQP counts whole seconds
		{"publish_timeout", c.PublishTimeout, time.Millisecond},
		{"consumer_timeout", c.ConsumerTimeout, time.Second},
	} {
		if v.d < v.least {
			return fmt.Errorf("%s is %s: it must be at least %s", v.name, v.d, v.least)
		}
	}
	for _, v := range []struct {
		name string
		d    time.Duration
	}{
		{"stream_max_age", c.StreamMaxAge},
		{"queue_expires", c.QueueExpires},
	} {
		if v.d != 0 && v.d < time.Second {
			return fmt.Errorf("%s is %s: it must be 0 (no bound) or at least 1s", v.name, v.d)
		}
	}
	return nil
}

func (c Config) validateNumbers() error {
	for _, v := range []struct {
		name        string
		n           int64
		least, most int64
	}{
		{"publish_window", int64(c.PublishWindow), 1, 1 << 20},
		{"stream_segment_bytes", c.StreamSegmentBytes, 1 << 10, 3_000_000_000},
		{"read_ahead", int64(c.ReadAhead), 1, MaxPrefetch},
	} {
		if v.n < v.least || v.n > v.most {
			return fmt.Errorf("%s is %d: it must be between %d and %d", v.name, v.n, v.least, v.most)
		}
	}
	if c.StreamMaxBytes != 0 && c.StreamMaxBytes < c.StreamSegmentBytes {
		return fmt.Errorf("stream_max_bytes is %d: it must be 0 (no bound) or at least stream_segment_bytes (%d), since a log is cut off by whole files", c.StreamMaxBytes, c.StreamSegmentBytes)
	}
	if c.QueueMaxBytes < 0 {
		return fmt.Errorf("queue_max_bytes is %d: it must be 0 (no bound) or more", c.QueueMaxBytes)
	}
	return nil
}

// Hold is how long a message of a queue may stay unsettled with us.
func (c Config) Hold() time.Duration { return c.ConsumerTimeout * 9 / 10 }
