package edge

import (
	"fmt"
	"net/url"
	"strings"
)

// Config says whom the server talks to. It is the section http of the configuration.
type Config struct {
	// Hosts are the names that the server answers to, with or without a port: a request for another Host is misdirected. "*" stands for any.
	Hosts []string `mapstructure:"hosts"`
	// Origins are the pages from elsewhere that may use the server, as https://app.example.com. "*" stands for any. Pages of the
	// same host always may.
	Origins []string `mapstructure:"origins"`
	// Proxies are the addresses of reverse proxies before the server, single ones or ranges as 10.0.0.0/8. Only what they say of their clients in X-Forwarded-For counts.
	Proxies []string `mapstructure:"proxies"`
	// Listen is the address that the server listens on: its host is one of ours too, and an unspecified one (0.0.0.0, [::]) makes all IP addresses
	// ours, since a foreign name cannot be bound to a number in the Host field. Whoever composes the server sets it.
	Listen string `mapstructure:"-"`
}

// DefaultConfig is a server for this machine only.
func DefaultConfig() Config {
	return Config{Hosts: []string{"localhost", "127.0.0.1", "[::1]"}, Origins: []string{}, Proxies: []string{}}
}

// Validate says which setting cannot be.
func (c Config) Validate() error {
	for _, host := range c.Hosts {
		if host == "" || strings.ContainsAny(host, "/@ ") {
			return fmt.Errorf("http.hosts has %q: give a name as it stands in a URL, like culvert.example.com or culvert.example.com:8080, or *", host)
		}
	}
	for _, origin := range c.Origins {
		if origin == "*" {
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("http.origins has %q: give scheme and host without a path, like https://app.example.com, or *", origin)
		}
	}
	for _, proxy := range c.Proxies {
		if _, err := networkOf(proxy); err != nil {
			return fmt.Errorf("http.proxies has %q: give an IP address, or a range like 10.0.0.0/8", proxy)
		}
	}
	return nil
}
