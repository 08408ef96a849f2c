package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"culvert/adapters/broker"
	"culvert/adapters/broker/kafka"
	"culvert/domain"
	"culvert/tests/brokers"
)

const (
	user     = "culvert"
	password = "s3cret-of-ours"
)

// secured is a Kafka that asks who is there.
type secured struct {
	topic domain.Topic
	trust *authority
	own   identity // what it trusts
	// The addresses of its listeners.
	sasl, tls, saslTLS, mutual string
}

// startSecured starts a Kafka with a listener of each kind, and makes a user and a topic.
func startSecured(t *testing.T) *secured {
	t.Helper()
	trust := newAuthority(t)
	server := trust.sign(t, "kafka", net.IPv4(127, 0, 0, 1))
	s := &secured{trust: trust, own: trust.sign(t, user)}
	var listeners []string
	for i, port := range brokers.FreePorts(t, 4) {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		*[]*string{&s.sasl, &s.tls, &s.saslTLS, &s.mutual}[i] = addr
		listeners = append(listeners, []string{"SASL_PLAINTEXT", "SSL", "SASL_SSL", "MUTUAL"}[i]+"://"+addr)
	}
	properties := map[string]string{
		"listeners":                                 strings.Join(listeners, ","),
		"advertised.listeners":                      strings.Join(listeners, ","),
		"listener.security.protocol.map":            "SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,MUTUAL:SSL",
		"ssl.keystore.type":                         "PEM",
		"ssl.keystore.location":                     server.both,
		"ssl.truststore.type":                       "PEM",
		"ssl.truststore.location":                   trust.file,
		"listener.name.mutual.ssl.client.auth":      "required",
		"sasl.enabled.mechanisms":                   "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"connection.failed.authentication.delay.ms": "1",
	}
	for _, name := range []string{"sasl_plaintext", "sasl_ssl"} {
		name = "listener.name." + name
		properties[name+".plain.sasl.jaas.config"] = fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;", user, password)
		for _, mechanism := range []string{"scram-sha-256", "scram-sha-512"} {
			properties[name+"."+mechanism+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	}
	cluster := brokers.StartKafka(t, properties).Cluster()
	s.topic = newTopic(t, cluster, 1)
	for _, mechanism := range []sarama.ScramMechanismType{sarama.SCRAM_MECHANISM_SHA_256, sarama.SCRAM_MECHANISM_SHA_512} {
		results, err := brokers.KafkaAdmin(t, cluster).UpsertUserScramCredentials([]sarama.AlterUserScramCredentialsUpsert{
			{Name: user, Mechanism: mechanism, Iterations: 4096, Salt: []byte("salt"), Password: []byte(password)},
		})
		if err != nil || len(results) != 1 || results[0].ErrorCode != sarama.ErrNoError {
			t.Fatalf("making the user: %+v, %v", results, err)
		}
	}
	return s
}

// TestSecurity runs on one Kafka, whose start is what takes long.
func TestSecurity(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	trusting := broker.TLS{Enabled: true, CAFile: s.trust.file}
	known := trusting
	known.CertFile, known.KeyFile = s.own.certFile, s.own.keyFile
	as := func(mechanism string) kafka.SASL {
		return kafka.SASL{Mechanism: mechanism, Username: user, Password: password}
	}

	for name, c := range map[string]struct {
		addr string
		tls  broker.TLS
		sasl kafka.SASL
	}{
		"PLAIN":                  {s.sasl, broker.TLS{}, as("PLAIN")},
		"SCRAM-SHA-256":          {s.sasl, broker.TLS{}, as("SCRAM-SHA-256")},
		"SCRAM-SHA-512":          {s.sasl, broker.TLS{}, as("SCRAM-SHA-512")},
		"TLS":                    {s.tls, trusting, kafka.SASL{}},
		"TLS and PLAIN":          {s.saslTLS, trusting, as("PLAIN")},
		"TLS and SCRAM-SHA-256":  {s.saslTLS, trusting, as("SCRAM-SHA-256")},
		"TLS and SCRAM-SHA-512":  {s.saslTLS, trusting, as("SCRAM-SHA-512")},
		"TLS with a certificate": {s.mutual, known, kafka.SASL{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, []string{c.addr}, func(cfg *kafka.Config) { cfg.TLS, cfg.SASL = c.tls, c.sasl })
			r := tail(t, b, s.topic, domain.StartLatest())
			m := join(t, b, s.topic, domain.Queue(brokers.Topic(t)), nil)
			mustPublish(t, b, s.topic, name)
			r.messagesAre(t, name)
			m.settle(m.given(t, 1)...)
		})
	}

	stranger := newAuthority(t)
	wrong := func(mechanism string) kafka.SASL {
		return kafka.SASL{Mechanism: mechanism, Username: user, Password: "wrong-" + password}
	}
	for name, c := range map[string]struct {
		addr  string
		tls   broker.TLS
		sasl  kafka.SASL
		cause string // what the log says
	}{
		"a wrong password for PLAIN":         {s.sasl, broker.TLS{}, wrong("PLAIN"), "SASL Authentication failed"},
		"a wrong password for SCRAM-SHA-256": {s.sasl, broker.TLS{}, wrong("SCRAM-SHA-256"), "SASL Authentication failed"},
		"a wrong password for SCRAM-SHA-512": {s.saslTLS, trusting, wrong("SCRAM-SHA-512"), "SASL Authentication failed"},
		"an unknown user":                    {s.sasl, broker.TLS{}, kafka.SASL{Mechanism: "SCRAM-SHA-256", Username: "nobody", Password: password}, "SASL Authentication failed"},
		"no login":                           {s.sasl, broker.TLS{}, kafka.SASL{}, "sasl.mechanism"},
		"another authority":                  {s.tls, broker.TLS{Enabled: true, CAFile: stranger.file}, kafka.SASL{}, "certificate signed by unknown authority"},
		"another authority, with a password": {s.saslTLS, broker.TLS{Enabled: true, CAFile: stranger.file}, as("PLAIN"), "certificate signed by unknown authority"},
		"another name":                       {s.tls, broker.TLS{Enabled: true, CAFile: s.trust.file, ServerName: "elsewhere"}, kafka.SASL{}, "certificate is valid for kafka, not elsewhere"},
		"no certificate of ours":             {s.mutual, trusting, kafka.SASL{}, "certificate"},
		"TLS where there is none":            {s.sasl, trusting, as("PLAIN"), "tls.enabled"},
		"no TLS where there is one":          {s.saslTLS, broker.TLS{}, as("PLAIN"), "tls.enabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.refused(t, c.addr, c.tls, c.sasl, c.cause)
		})
	}
}

// refused checks that nothing can be done, that the log is told why, and that nobody is told the password.
func (s *secured) refused(t *testing.T, addr string, tls broker.TLS, sasl kafka.SASL, cause string) {
	t.Helper()
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.TLS, cfg.SASL = []string{addr}, tls, sasl
	cfg.DialTimeout, cfg.RequestTimeout = time.Second, 2*time.Second
	said := &log{}
	b, err := kafka.New(cfg, slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	defer func() {
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
		if said.holds(password) {
			t.Errorf("the password is in the log:\n%s", said)
		}
	}()
	for what, try := range map[string]func() error{
		"ping":    func() error { return b.Ping(ctx) },
		"publish": func() error { return publish(ctx, b, s.topic, &domain.Message{Payload: []byte("x")})[0].err },
		"tail": func() error {
			_, _, err := b.Tail(ctx, s.topic, domain.StartLatest())
			return err
		},
		"join": func() error {
			for _, err := range b.Join(ctx, s.topic, "workers", domain.Terms{}) {
				return err
			}
			return nil
		},
	} {
		err := try()
		if err == nil || domain.CodeOf(err) != domain.Unavailable {
			t.Errorf("%s: %v, want unavailable", what, err)
			continue
		}
		e := domain.AsError(err)
		if e.Cause == nil || !strings.Contains(e.Cause.Error(), cause) {
			t.Errorf("%s: the cause is %v, want that it says %q", what, e.Cause, cause)
		}
		if strings.Contains(e.Detail, cause) || strings.Contains(e.Detail, user) {
			t.Errorf("%s: strangers are told %q", what, e.Detail)
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the password is in the error: %v", what, err)
		}
	}
}

// log keeps what is said.
type log struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) holds(text string) bool { return strings.Contains(l.String(), text) }

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
