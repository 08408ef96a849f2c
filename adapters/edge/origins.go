package edge

import (
	"net/http"
	"net/url"
	"strings"

	"culvert/domain"
)

// origins are the foreign pages that may use the server (WHATWG Fetch, "CORS protocol").
type origins struct {
	any   bool
	names map[string]bool
}

func newOrigins(cfg Config) origins {
	o := origins{names: map[string]bool{}}
	for _, name := range cfg.Origins {
		o.any = o.any || name == "*"
		o.names[strings.ToLower(name)] = true
	}
	return o
}

// What a foreign page may use, and read, besides what every page may.
const (
	corsMethods = "GET, POST, DELETE"
	corsHeaders = "Accept, Authorization, Cache-Control, Content-Type, Culvert-Header, Culvert-Key, Culvert-Tombstone, Last-Event-ID"
	corsExposed = "Allow, ETag, Retry-After, WWW-Authenticate"
	corsMaxAge  = "600"
)

// check refuses the requests of pages that may not use the server, and sets what a browser wants to read in the answers
// to others. preflight says that the request only asked, so that an empty answer is all.
func (o origins) check(h http.Header, r *http.Request) (preflight bool, err error) {
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || sameHost(origin, r.Host) {
		return false, nil
	}
	switch {
	case o.names[strings.ToLower(origin)]:
		h.Set("Access-Control-Allow-Origin", origin)
		// What a proxy before the server wants to see: cookies, say.
		h.Set("Access-Control-Allow-Credentials", "true")
	case o.any:
		// To a page that nobody knows a browser must not lend its user's credentials. It is also for pages whose origin is null, which no list can name.
		h.Set("Access-Control-Allow-Origin", "*")
	default:
		return false, domain.Errorf(domain.NotAllowed, "pages of %s may not use this server (http.origins)", cut(origin, maxShown))
	}
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false, nil
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		// A page on the internet asks for a server on this machine or in this network (WICG Private Network Access).
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	return true, nil
}

// Unnamed reports whether a page from elsewhere is behind r, as its image, script, frame or link: for these a browser names no Origin, but says that it is another one's (W3C Fetch
// Metadata). No such page has been let in, so what changes anything refuses it.
func Unnamed(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return r.Header.Get("Origin") == "" && (site == "cross-site" || site == "same-site")
}

// sameHost reports whether origin is a page of host. The scheme does not count: a proxy before us may end TLS.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
