package ws

import (
	"net/http"
	"slices"
	"strings"

	"culvert/domain"
)

// The subprotocols of PROTOCOL §4.
const (
	protocolJSON = "culvert.v1.json"
	protocolRaw  = "culvert.v1.raw"
	bearerPrefix = "bearer."
)

// subprotocol is what a client and the server agree on.
type subprotocol struct {
	// spoken is what the socket speaks.
	spoken string
	// answered is what the handshake's answer names: empty where the client named none, or none that is known.
	answered string
}

// negotiate picks the first of the client's subprotocols that is among spoken here, or the first of these where the client named none. Where there is
// none to pick it is an Unsupported error. A token that rides along is not looked at, and never answered.
func negotiate(r *http.Request, spoken ...string) (subprotocol, error) {
	var asked []string
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name != "" {
				asked = append(asked, name)
			}
		}
	}
	if len(asked) == 0 {
		return subprotocol{spoken: spoken[0]}, nil
	}
	known := ""
	for _, name := range asked {
		if slices.Contains(spoken, name) {
			return subprotocol{spoken: name, answered: name}, nil
		}
		if known == "" && (name == protocolJSON || name == protocolRaw) {
			known = name
		}
	}
	names := strings.Join(spoken, " and ")
	switch {
	case known != "":
		// Answering with it lets browsers read why they are refused: they drop a socket whose answer names none of theirs.
		return subprotocol{answered: known}, domain.Errorf(domain.Unsupported, "%s needs the URL of a topic or queue; spoken here: %s", known, names)
	case slices.ContainsFunc(asked, func(s string) bool { return strings.HasPrefix(s, bearerPrefix) }) && len(asked) == 1:
		return subprotocol{}, domain.Errorf(domain.Unsupported, "a token goes beside a subprotocol, not alone; spoken here: %s", names)
	}
	return subprotocol{}, domain.Errorf(domain.Unsupported, "none of the subprotocols asked for is spoken here; spoken are: %s", names)
}
