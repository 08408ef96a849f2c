package subscribe

import (
	"bytes"

	"culvert/domain"
)

// filter says which messages a viewer wants. The zero filter wants all.
type filter struct {
	keys    map[string]bool // nil: any
	list    []string        // keys, each once
	headers []domain.Header // all must be there
}

func newFilter(keys [][]byte, headers []domain.Header) filter {
	f := filter{headers: headers}
	if len(keys) > 0 {
		f.keys = make(map[string]bool, len(keys))
		for _, k := range keys {
			if !f.keys[string(k)] {
				f.keys[string(k)] = true
				f.list = append(f.list, string(k))
			}
		}
	}
	return f
}

func (f filter) wantsAll() bool { return f.keys == nil && len(f.headers) == 0 }

func (f filter) wants(m *domain.Message) bool {
	if f.keys != nil && (m.Key == nil || !f.keys[string(m.Key)]) {
		return false
	}
	for _, want := range f.headers {
		if !carries(m, want) {
			return false
		}
	}
	return true
}

func carries(m *domain.Message, want domain.Header) bool {
	for _, h := range m.Headers {
		if h.Name == want.Name && bytes.Equal(h.Value, want.Value) {
			return true
		}
	}
	return false
}
