package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// secure puts TLS and SASL into a configuration of sarama's. It reads the files.
func (c Config) secure(to *sarama.Config) error {
	if c.TLS.Enabled {
		config, err := c.TLS.load()
		if err != nil {
			return err
		}
		to.Net.TLS.Enable, to.Net.TLS.Config = true, config
	}
	if c.SASL.Mechanism == "" {
		return nil
	}
	to.Net.SASL.Enable = true
	to.Net.SASL.Mechanism = sarama.SASLMechanism(c.SASL.Mechanism)
	to.Net.SASL.User, to.Net.SASL.Password = c.SASL.Username, c.SASL.Password
	switch c.SASL.Mechanism {
	case sarama.SASLTypeSCRAMSHA256:
		to.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: scram.SHA256} }
	case sarama.SASLTypeSCRAMSHA512:
		to.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: scram.SHA512} }
	}
	return nil
}

func (t TLS) load() (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls.ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file: %s holds no certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		own, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("tls.cert_file and tls.key_file: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// conversation is one login by SCRAM (RFC 5802), as sarama wants to lead it.
type conversation struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

// Begin implements sarama.SCRAMClient; Step and Done are the conversation's own.
func (c *conversation) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	c.ClientConversation = client.NewConversation()
	return nil
}
