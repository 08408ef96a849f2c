package queue

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// leases are what one member was given and has not settled, by the numbers of the leases, which rise. They are guarded by the
// lane's mu.
type leases struct {
	prefix string // opens the receipts of this member and of no other
	last   uint64
	live   int
	given  []lease // by number; those that ended stay until they are the first, or too many
}

type lease struct {
	number uint64
	entry  *entry // nil once the lease has ended
}

const receiptBase = 36

// add opens a lease and gives its number.
func (l *leases) add(e *entry) uint64 {
	l.last++
	l.live++
	l.given = append(l.given, lease{l.last, e})
	return l.last
}

// end closes a lease that is live.
func (l *leases) end(number uint64) {
	i, _ := l.find(number)
	l.given[i].entry = nil
	l.live--
	for len(l.given) > 0 && l.given[0].entry == nil {
		l.given = l.given[1:]
	}
	const few = 16
	if len(l.given) > 2*l.live+few {
		l.given = slices.DeleteFunc(l.given, func(x lease) bool { return x.entry == nil })
	}
}

// get is the entry of a live lease, nil where there is none of that number.
func (l *leases) get(number uint64) *entry {
	if i, ok := l.find(number); ok {
		return l.given[i].entry
	}
	return nil
}

func (l *leases) find(number uint64) (int, bool) {
	return slices.BinarySearchFunc(l.given, number, func(x lease, n uint64) int {
		switch {
		case x.number < n:
			return -1
		case x.number > n:
			return 1
		}
		return 0
	})
}

// upto are the entries of the live leases up to and with number, oldest first.
func (l *leases) upto(number uint64) []*entry {
	var entries []*entry
	for _, x := range l.given {
		if x.number > number {
			break
		}
		if x.entry != nil {
			entries = append(entries, x.entry)
		}
	}
	return entries
}

func (l *leases) receipt(number uint64) string {
	var buf [24]byte
	return string(strconv.AppendUint(append(buf[:0], l.prefix...), number, receiptBase))
}

// number is the lease that receipt names, 0 where it names none that was ever opened.
func (l *leases) number(receipt string) uint64 {
	digits, ok := strings.CutPrefix(receipt, l.prefix)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(digits, receiptBase, 64)
	if err != nil || n > l.last {
		return 0
	}
	return n
}

// token is a random text of n bytes, [A-Za-z0-9_-].
func token(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}
