package kafka

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"culvert/adapters/broker"
	"culvert/domain"
)

// Config says where the cluster is and how it is used.
type Config struct {
	// Brokers are addresses (host:port) to begin with; the cluster tells the others.
	Brokers []string `mapstructure:"brokers"`
	// ClientID is what the cluster's own logs and quotas call us.
	ClientID string `mapstructure:"client_id"`
	// Version is the oldest Kafka that is spoken; newer ones understand it. From 2.8 on a topic made anew is told from the one before.
	Version string     `mapstructure:"version"`
	TLS     broker.TLS `mapstructure:"tls"`
	SASL    SASL       `mapstructure:"sasl"`
	// DialTimeout is how long connecting may take, RequestTimeout how long an answer may.
	DialTimeout    time.Duration `mapstructure:"dial_timeout"`
	RequestTimeout time.Duration `mapstructure:"request_timeout"`

	// PublishTimeout is how long a message may wait for its confirmation where the caller sets no deadline.
	PublishTimeout time.Duration `mapstructure:"publish_timeout"`
	// Compression is what batches are compressed with: none, gzip, snappy, lz4 or zstd.
	Compression string `mapstructure:"compression"`
	// Linger is how long a batch may wait for more messages. 0: only while the batch before it is under way.
	Linger time.Duration `mapstructure:"linger"`
	// MessageBytes is the largest message, with key, headers and overhead, and the largest batch. It must not be larger than the cluster's message.max.bytes; a topic's own
	// max.message.bytes, where it is smaller, is found out.
	MessageBytes int `mapstructure:"message_bytes"`
	// WindowBytes bounds what is under way to one partition.
	WindowBytes int `mapstructure:"window_bytes"`

	// FetchBytes bounds one answer to a reader, FetchPartitionBytes one partition's part of it; a single larger batch still comes whole.
	FetchBytes          int `mapstructure:"fetch_bytes"`
	FetchPartitionBytes int `mapstructure:"fetch_partition_bytes"`
	// FetchWait is how long the cluster may hold back an answer while there is nothing to read.
	FetchWait time.Duration `mapstructure:"fetch_wait"`

	// GroupID is the consumer group of a queue: {topic} and {queue} stand for their names. It must hold {queue}.
	GroupID string `mapstructure:"group_id"`
	// CommitInterval is how often a queue's place is committed.
	CommitInterval time.Duration `mapstructure:"commit_interval"`
	// SessionTimeout is how long the cluster waits for a node that went silent before it gives its partitions to others.
	SessionTimeout time.Duration `mapstructure:"session_timeout"`
	// RebalanceTimeout is how long the cluster waits in a rebalance for nodes to come back.
	RebalanceTimeout time.Duration `mapstructure:"rebalance_timeout"`

	// Create says of a topic that is missing how to make it, and whether. Nil: none is made.
	Create func(domain.Topic) (CreateSpec, bool) `mapstructure:"-"`
}

// CreateSpec is how a topic is made.
type CreateSpec struct {
	Partitions int32
	Replicas   int16 // -1: as the cluster does by default
}

// SASL says as whom we log in.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no login.
	Mechanism string `mapstructure:"mechanism"`
	Username  string `mapstructure:"username"`
	Password  string `mapstructure:"password"`
}

// DefaultConfig suits a cluster nearby with its own defaults.
func DefaultConfig() Config {
	return Config{
		Brokers:             []string{"127.0.0.1:9092"},
		ClientID:            "culvert",
		Version:             "2.8.0",
		DialTimeout:         3 * time.Second,
		RequestTimeout:      10 * time.Second,
		PublishTimeout:      30 * time.Second,
		Compression:         "none",
		MessageBytes:        1 << 20, // with the batch's own head this is exactly Kafka's default message.max.bytes
		WindowBytes:         16 << 20,
		FetchBytes:          8 << 20,
		FetchPartitionBytes: 1 << 20,
		FetchWait:           500 * time.Millisecond,
		GroupID:             "{topic}.{queue}",
		CommitInterval:      500 * time.Millisecond,
		SessionTimeout:      10 * time.Second,
		RebalanceTimeout:    30 * time.Second,
	}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 || slices.Contains(c.Brokers, "") {
		return fmt.Errorf("brokers is %q: it must name at least one address, such as 127.0.0.1:9092", c.Brokers)
	}
	if _, err := sarama.ParseKafkaVersion(c.Version); err != nil {
		return fmt.Errorf("version is %q: it must be a version of Kafka, such as 2.8.0", c.Version)
	}
	if _, err := codec(c.Compression); err != nil {
		return fmt.Errorf("compression is %q: it must be none, gzip, snappy, lz4 or zstd", c.Compression)
	}
	for _, v := range []struct {
		name string
		d    time.Duration
	}{
		{"dial_timeout", c.DialTimeout},
		{"request_timeout", c.RequestTimeout},
		{"publish_timeout", c.PublishTimeout},
		{"fetch_wait", c.FetchWait},
		{"commit_interval", c.CommitInterval},
		{"session_timeout", c.SessionTimeout},
		{"rebalance_timeout", c.RebalanceTimeout},
	} {
		if v.d < time.Millisecond {
			return fmt.Errorf("%s is %s: it must be at least 1ms", v.name, v.d)
		}
	}
	for _, v := range []struct {
		name string
		n    int
	}{
		{"message_bytes", c.MessageBytes},
		{"window_bytes", c.WindowBytes},
		{"fetch_bytes", c.FetchBytes},
		{"fetch_partition_bytes", c.FetchPartitionBytes},
	} {
		if v.n < 1024 || v.n > 1<<30 {
			return fmt.Errorf("%s is %d: it must be between 1 KiB and 1 GiB", v.name, v.n)
		}
	}
	if c.Linger < 0 {
		return fmt.Errorf("linger is %s: it cannot be negative", c.Linger)
	}
	if c.FetchWait >= c.RequestTimeout {
		return fmt.Errorf("fetch_wait is %s: it must be shorter than request_timeout (%s), or every quiet poll looks like a dead connection", c.FetchWait, c.RequestTimeout)
	}
	if !strings.Contains(c.GroupID, "{queue}") {
		return fmt.Errorf("group_id is %q: it must hold {queue}, or all queues would be one", c.GroupID)
	}
	return c.validateSecurity()
}

func (c Config) validateSecurity() error {
	switch c.SASL.Mechanism {
	case "":
	case sarama.SASLTypePlaintext, sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512:
		if c.SASL.Username == "" {
			return fmt.Errorf("sasl.username is empty: %s needs one", c.SASL.Mechanism)
		}
	default:
		return fmt.Errorf("sasl.mechanism is %q: it must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", c.SASL.Mechanism)
	}
	return c.TLS.Validate()
}

// create says how to make topic, and whether.
func (c Config) create(topic domain.Topic) (CreateSpec, bool) {
	if c.Create == nil {
		return CreateSpec{}, false
	}
	return c.Create(topic)
}

// group is the consumer group of a queue.
func (c Config) group(topic domain.Topic, queue domain.Queue) string {
	return strings.NewReplacer("{topic}", string(topic), "{queue}", string(queue)).Replace(c.GroupID)
}

// queueOf is the queue of topic whose consumer group is called so; false where there is none.
func (c Config) queueOf(topic domain.Topic, group string) (domain.Queue, bool) {
	around := strings.Split(strings.ReplaceAll(c.GroupID, "{topic}", string(topic)), "{queue}")
	times := len(around) - 1
	length := (len(group) - len(strings.Join(around, ""))) / times
	if length < 1 {
		return "", false
	}
	begin := len(around[0])
	queue, err := domain.ParseQueue(topic, group[begin:begin+length])
	if err != nil || c.group(topic, queue) != group {
		return "", false
	}
	return queue, true
}

func codec(name string) (sarama.CompressionCodec, error) {
	var c sarama.CompressionCodec
	err := c.UnmarshalText([]byte(name))
	return c, err
}
