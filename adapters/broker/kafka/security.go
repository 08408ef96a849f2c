package kafka

import (
	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// secure puts TLS and SASL into a configuration of sarama's. It reads the files.
func (c Config) secure(to *sarama.Config) error {
	config, err := c.TLS.Load()
	if err != nil {
		return err
	}
	to.Net.TLS.Enable, to.Net.TLS.Config = c.TLS.Enabled, config
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
