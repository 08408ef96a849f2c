package amqp

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbitmq/amqp091-go"

	"culvert/domain"
)

// longestName is how long AMQP's short strings may be, in octets: names of headers are such.
const longestName = 255

// encodeHeaders puts headers into a table that is empty. Those that a table can hold stand there under their own names, for anybody to read; those of one name
// as an array. The list is written only where the table alone would not bring the headers back as they were. A stream of RabbitMQ drops arrays, so the list has their values, too.
func encodeHeaders(table amqp091.Table, headers []domain.Header) {
	listed := false
	for i, h := range headers {
		if !isOurs(h.Name) && !isServers(h.Name) && isName(h.Name) {
			switch there := table[h.Name].(type) {
			case nil:
				table[h.Name] = string(h.Value)
			case string:
				table[h.Name] = []any{there, string(h.Value)}
			case []any:
				table[h.Name] = append(there, string(h.Value))
			}
		}
		listed = listed || i > 0 && headers[i-1].Name >= h.Name
		listed = listed || !isPlain(table, h.Name)
	}
	if listed {
		table[headerList] = string(appendList(nil, table, headers))
	}
}

// isPlain reports whether the header is in the table by its name, once.
func isPlain(table amqp091.Table, name string) bool {
	_, ok := table[name].(string)
	return ok && !isOurs(name)
}

// appendList appends the list of headers: each name, followed by a colon and the value where that is not the text that the table has under the name; entries are separated
// by spaces. Names and values are Go string literals, or, where that is shorter, base64 (RFC 4648 §4) after an equals sign: a message's headers must fit into one frame of AMQP's.
func appendList(list []byte, table amqp091.Table, headers []domain.Header) []byte {
	for i, h := range headers {
		if i > 0 {
			list = append(list, ' ')
		}
		list = appendText(list, h.Name)
		if !isPlain(table, h.Name) {
			list = append(list, ':')
			list = appendText(list, string(h.Value))
		}
	}
	return list
}

func appendText(list []byte, s string) []byte {
	literal := strconv.AppendQuote(list, s)
	if len(literal)-len(list) <= base64.StdEncoding.EncodedLen(len(s))+2 {
		return literal
	}
	return base64.StdEncoding.AppendEncode(append(list, '='), []byte(s))
}

func isName(name string) bool { return name != "" && len(name) <= longestName }

// isOurs reports whether a header of the table is none of the message's own.
func isOurs(name string) bool {
	return name == headerUUID || name == headerKey || name == headerTombstone || name == headerTime || name == headerList
}

// isServers reports whether RabbitMQ, or one of its plugins, acts upon the header or sets it.
func isServers(name string) bool {
	if name == "CC" || name == "BCC" {
		return true
	}
	if !strings.HasPrefix(name, "x-") {
		return false
	}
	for _, prefix := range []string{
		"x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count", "x-stream-", "x-delay",
		"x-received-from", "x-shovelled", "x-opt-", "x-match", "x-queue-", "x-original-",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// decodeHeaders gives the headers of the list, then what else there is in the table and the properties, by name: all of it, where there is no list.
func decodeHeaders(d *amqp091.Delivery) []domain.Header {
	var headers []domain.Header
	listed := map[string]bool{}
	if list, ok := d.Headers[headerList]; ok {
		for _, e := range parseList(string(text(list))) {
			value := []byte(e.value)
			if !e.own {
				there, ok := d.Headers[e.name]
				if !ok || isOurs(e.name) || listed[e.name] { // a long value that is named often would fill our memory
					continue
				}
				value = text(there)
			}
			listed[e.name] = true
			headers = append(headers, domain.Header{Name: e.name, Value: value})
		}
	}
	foreign := properties(d)
	names := slices.AppendSeq(make([]string, 0, len(d.Headers)+len(foreign)), maps.Keys(d.Headers))
	for name := range foreign {
		if _, ok := d.Headers[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if isOurs(name) || listed[name] || isOfDelivery(name) {
			continue
		}
		value, ok := d.Headers[name]
		if !ok {
			value = foreign[name]
		}
		for _, v := range values(value) {
			headers = append(headers, domain.Header{Name: name, Value: v})
		}
	}
	return headers
}

type listEntry struct {
	name, value string
	own         bool // the value is in the list, not in the table
}

// parseList reads the list of headers; nothing where it is none of ours.
func parseList(s string) []listEntry {
	var entries []listEntry
	for len(s) > 0 {
		var e listEntry
		var ok bool
		if e.name, s, ok = cutText(s); !ok {
			return nil
		}
		if strings.HasPrefix(s, ":") {
			if e.value, s, ok = cutText(s[1:]); !ok {
				return nil
			}
			e.own = true
		}
		if s != "" {
			if s[0] != ' ' || len(s) == 1 {
				return nil
			}
			s = s[1:]
		}
		entries = append(entries, e)
	}
	return entries
}

// cutText takes the name or the value that s begins with.
func cutText(s string) (value, rest string, ok bool) {
	if strings.HasPrefix(s, "=") {
		end := strings.IndexAny(s, " :")
		if end < 0 {
			end = len(s)
		}
		octets, err := base64.StdEncoding.DecodeString(s[1:end])
		return string(octets), s[end:], err == nil
	}
	literal, err := strconv.QuotedPrefix(s)
	if err != nil || literal[0] != '"' {
		return "", "", false
	}
	value, err = strconv.Unquote(literal)
	return value, s[len(literal):], err == nil
}
