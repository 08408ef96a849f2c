package edge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

type clientKey struct{}

// Client is the IP address of who asks: the peer of the connection, or, where that is one of the configured proxies, the one that the proxies say they were asked by. ctx is that of a
// request which came through a Server; any other has none.
func Client(ctx context.Context) string {
	address, _ := ctx.Value(clientKey{}).(string)
	return address
}

// clientOf finds the address of who sends a request. Of X-Forwarded-For the rightmost address counts that is no proxy of ours: what stands left of it is the client's own
// word. A field that cannot be read counts for nothing.
func clientOf(cfg Config) func(*http.Request) string {
	if len(cfg.Proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	// Echo would trust all private addresses, and so whoever asks from one of them.
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, proxy := range cfg.Proxies {
		if network, err := networkOf(proxy); err == nil { // Validate has told the others
			trust = append(trust, echo.TrustIPRange(network))
		}
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// networkOf reads an address, or a range of them in CIDR notation (RFC 4632 §3.1).
func networkOf(s string) (*net.IPNet, error) {
	if !strings.Contains(s, "/") {
		ip := net.ParseIP(s)
		if ip == nil {
			return nil, fmt.Errorf("%q is no IP address", s)
		}
		const bits = 8 * net.IPv6len
		return &net.IPNet{IP: ip.To16(), Mask: net.CIDRMask(bits, bits)}, nil
	}
	_, network, err := net.ParseCIDR(s)
	return network, err
}
