package kafka_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/ports"
	"culvert/tests/brokers"
	"culvert/tests/conformance"
)

// open makes an adapter on the brokers at addrs, and closes it with the test.
func open(t testing.TB, addrs []string, change ...func(*kafka.Config)) *kafka.Broker {
	t.Helper()
	cfg := kafka.DefaultConfig()
	cfg.Brokers = addrs
	for _, c := range change {
		c(&cfg)
	}
	b, err := kafka.New(cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return b
}

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Subject {
		cluster := brokers.Kafka(t)
		s := subject(t, cluster)
		s.Trim = func(t testing.TB) (conformance.Subject, func(domain.Topic)) {
			return s, func(topic domain.Topic) {
				if err := brokers.KafkaAdmin(t, cluster).DeleteRecords(string(topic), map[int32]int64{0: 3, 1: 3, 2: 3}); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.Outage = func(t testing.TB) (conformance.Subject, func() func()) {
			server := brokers.StartKafka(t, nil)
			return subject(t, server.Cluster()), func() func() {
				server.Kill()
				return server.Start
			}
		}
		return s
	})
}

// subject is the adapter on a cluster, under test.
func subject(t testing.TB, cluster brokers.KafkaCluster) conformance.Subject {
	const partitions = 3
	return conformance.Subject{
		Broker:     open(t, cluster.Addrs),
		Partitions: partitions,
		Topic: func(t testing.TB) domain.Topic {
			name := brokers.Topic(t)
			brokers.CreateTopic(t, cluster, name, partitions)
			return domain.Topic(name)
		},
		Another:     func(t testing.TB) ports.Broker { return open(t, cluster.Addrs) },
		Unreachable: func(t testing.TB) ports.Broker { return open(t, []string{"127.0.0.1:1"}) },
	}
}
