package sse

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"culvert/domain"
)

const (
	typeSSE    = "text/event-stream"
	typeNDJSON = "application/x-ndjson"
)

// accepted chooses between SSE and NDJSON by the Accept header (RFC 9110 §12.5.1): the one with more weight, of equals the one that is named
// more closely, of equals SSE.
func accepted(h http.Header) (string, error) {
	ranges := strings.Join(h.Values("Accept"), ",")
	if strings.TrimSpace(ranges) == "" {
		return typeSSE, nil
	}
	sse, ndjson := weigh(ranges, typeSSE), weigh(ranges, typeNDJSON)
	switch {
	case sse.q == 0 && ndjson.q == 0:
		return "", domain.Errorf(domain.NotAcceptable, "this is served as %s or %s", typeSSE, typeNDJSON)
	case ndjson.q > sse.q || ndjson.q == sse.q && ndjson.closeness > sse.closeness:
		return typeNDJSON, nil
	}
	return typeSSE, nil
}

// weight is how much a client wants a media type.
type weight struct {
	q         float64
	closeness int // 1 for */*, 2 for type/*, 3 for the type itself
}

// weigh finds the closest range that covers name.
func weigh(ranges, name string) weight {
	best := weight{}
	for one := range strings.SplitSeq(ranges, ",") {
		covers, params, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		w := weight{q: 1}
		switch covers {
		case name:
			w.closeness = 3
		case name[:strings.IndexByte(name, '/')] + "/*":
			w.closeness = 2
		case "*/*":
			w.closeness = 1
		default:
			continue
		}
		if q, ok := params["q"]; ok {
			if w.q, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		if w.closeness > best.closeness {
			best = w
		}
	}
	return best
}
