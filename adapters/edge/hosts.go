package edge

import (
	"net"
	"net/netip"
	"strings"
)

// hosts are the names that requests may be addressed to.
type hosts struct {
	any       bool
	addresses bool // every IP address
	names     map[string]bool
}

func newHosts(cfg Config) hosts {
	h := hosts{names: map[string]bool{}}
	for _, name := range cfg.Hosts {
		h.any = h.any || name == "*"
		h.names[normal(name)] = true
	}
	if cfg.Listen == "" {
		return h
	}
	name := bare(normal(cfg.Listen))
	address, err := netip.ParseAddr(name)
	if name == "" || err == nil && address.IsUnspecified() {
		h.addresses = true
	} else {
		h.names[name] = true
	}
	return h
}

// have reports whether host, the Host of a request, is one of them, on any port where they name none.
func (h hosts) have(host string) bool {
	if h.any {
		return true
	}
	host = normal(host)
	name := bare(host)
	if h.names[host] || h.names[name] {
		return true
	}
	_, err := netip.ParseAddr(name)
	return h.addresses && err == nil
}

// normal is host in lower case, and without brackets where it has no port.
func normal(host string) string {
	host = strings.ToLower(host)
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1]
	}
	return host
}

// bare is host without its port.
func bare(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
