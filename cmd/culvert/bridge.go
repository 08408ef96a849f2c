package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"culvert/cmd/client"
)

// bridge are the flags by which every command that talks to a running bridge finds it.
type bridge struct {
	cfg client.Config
}

// The environment's names for the flags.
const (
	envURL   = "CULVERT_URL"
	envToken = "CULVERT_TOKEN" // #nosec G101 -- the name of a variable
)

const bridgeHelp = `

The bridge is found by --url or CULVERT_URL, http or https; a token in CULVERT_TOKEN goes along as "Authorization: Bearer …".`

func (b *bridge) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&b.cfg.URL, "url", "", "where the bridge is (CULVERT_URL; default http://127.0.0.1:8080)")
	flags.StringVar(&b.cfg.Token, "token", "", "token that says who asks (CULVERT_TOKEN, which other users of this machine cannot see)")
	flags.StringVar(&b.cfg.CA, "ca", "", "file of certificates to trust, in PEM")
	flags.BoolVar(&b.cfg.Insecure, "insecure", false, "take any certificate")
	c.Long += bridgeHelp
}

// open makes the client. The caller closes it.
func (b *bridge) open() (*client.API, error) {
	cfg := b.cfg
	cfg.URL = first(cfg.URL, os.Getenv(envURL), "http://127.0.0.1:8080")
	cfg.Token = first(cfg.Token, os.Getenv(envToken))
	cfg.Agent = "culvert/" + versionOf()
	api, err := client.New(cfg)
	if err != nil {
		return nil, misuse{err}
	}
	return api, nil
}

// first gives the first that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// mend adds to err what can be done about it.
func mend(err error) error {
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Errorf("%w; say whom to trust with --ca", err)
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return err // it says what is wrong with the certificate, which is not ours to mend
	case errors.As(err, new(*client.Unreachable)):
		return fmt.Errorf("%w; start one with `culvert serve`, or say where it is with --url", err)
	}
	return err
}
