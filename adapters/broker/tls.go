package broker

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLS says how connections to a broker are secured.
type TLS struct {
	Enabled bool `mapstructure:"enabled"`
	// CAFile is a PEM file of the authorities that are trusted instead of the system's.
	CAFile string `mapstructure:"ca_file"`
	// CertFile and KeyFile are PEM files of our own certificate, where the broker asks for one.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	// ServerName is the name in the broker's certificate, where it is not that of the address.
	ServerName string `mapstructure:"server_name"`
	// InsecureSkipVerify trusts anybody. For tests only.
	InsecureSkipVerify bool `mapstructure:"insecure_skip_verify"`
}

// Validate says which setting cannot be.
func (t TLS) Validate() error {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return fmt.Errorf("tls.cert_file is %q and tls.key_file is %q: there must be both or neither", t.CertFile, t.KeyFile)
	}
	if !t.Enabled && t != (TLS{}) {
		return fmt.Errorf("tls.enabled is false, but other keys of tls are set: a connection would be plain where it was meant not to be")
	}
	return nil
}

// Load reads the files. The result is nil where TLS is not enabled.
func (t TLS) Load() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
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
