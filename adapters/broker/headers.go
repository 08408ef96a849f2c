package broker

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"culvert/domain"
)

// encodeHeaders puts headers into metadata. Those that metadata can hold stand there under their own name, for any Watermill handler to read; the
// list is written only where names alone would not bring the headers back as they were.
func encodeHeaders(metadata message.Metadata, headers []domain.Header) {
	listed := false
	for i, h := range headers {
		if isSimple(headers, i) {
			metadata[h.Name] = string(h.Value)
		} else {
			listed = true
		}
		listed = listed || i > 0 && headers[i-1].Name >= h.Name
	}
	if !listed {
		return
	}
	var list []byte
	for i, h := range headers {
		if i > 0 {
			list = append(list, ' ')
		}
		list = strconv.AppendQuoteToASCII(list, h.Name)
		if !isSimple(headers, i) {
			list = append(list, ':')
			list = strconv.AppendQuoteToASCII(list, string(h.Value))
		}
	}
	metadata[MetadataHeaders] = string(list)
}

// isSimple reports whether header i can be metadata of its own name.
func isSimple(headers []domain.Header, i int) bool {
	name := headers[i].Name
	if name == "" || isReserved(name) || strings.Contains(name, " ") || !isPlain(name) || !isPlain(string(headers[i].Value)) {
		return false
	}
	for j, other := range headers {
		if j != i && other.Name == name {
			return false
		}
	}
	return true
}

func isReserved(name string) bool {
	switch name {
	case MetadataKey, MetadataKey64, MetadataTombstone, MetadataTime, MetadataHeaders:
		return true
	}
	return false
}

// decodeHeaders gives the headers of the list, then what else there is of metadata by name: all of it, where there is no list. What
// a handler took out of the metadata is no header any more, what it changed is changed.
func decodeHeaders(metadata message.Metadata) []domain.Header {
	var headers []domain.Header
	listed := map[string]bool{}
	entries, ok := parseList(metadata[MetadataHeaders])
	if ok {
		for _, e := range entries {
			listed[e.name] = true
			value := e.value
			if !e.own {
				if value, ok = metadata[e.name]; !ok || isReserved(e.name) {
					continue
				}
			}
			headers = append(headers, domain.Header{Name: e.name, Value: []byte(value)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		if !isReserved(name) && !listed[name] {
			headers = append(headers, domain.Header{Name: name, Value: []byte(metadata[name])})
		}
	}
	return headers
}

type listEntry struct {
	name, value string
	own         bool // the value is in the list, not in the metadata
}

// parseList reads the list of headers; false where it is none of ours, which counts as no list.
func parseList(s string) ([]listEntry, bool) {
	var entries []listEntry
	for len(s) > 0 {
		var e listEntry
		var ok bool
		if e.name, s, ok = cutLiteral(s); !ok {
			return nil, false
		}
		if strings.HasPrefix(s, ":") {
			if e.value, s, ok = cutLiteral(s[1:]); !ok {
				return nil, false
			}
			e.own = true
		}
		if s != "" {
			if s[0] != ' ' || len(s) == 1 {
				return nil, false
			}
			s = s[1:]
		}
		entries = append(entries, e)
	}
	return entries, true
}

// cutLiteral takes the Go string literal that s begins with.
func cutLiteral(s string) (value, rest string, ok bool) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil || quoted[0] != '"' {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return value, s[len(quoted):], err == nil
}
