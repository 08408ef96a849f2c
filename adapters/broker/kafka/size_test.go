package kafka

import (
	"strings"
	"testing"

	"culvert/domain"
)

// Where the cluster does not tell what a topic takes, a message over kafka.message_bytes was refused without a word of how large it is and how large it may be.
func TestARefusalForSizeTellsWhatIsKnown(t *testing.T) {
	const largest = 2000
	for name, c := range map[string]struct {
		size int64
		told bool
		want string
	}{
		"the topic's limit":                     {3000, true, "takes 2000"},
		"ours":                                  {3000, false, "takes 2000"},
		"the topic's, which it keeps to itself": {1000, false, "larger than topic"},
	} {
		err := newRoute(largest, largest, largest, c.told).refuse(&outgoing{parcel: &parcel{topic: "orders"}, size: c.size})
		if domain.CodeOf(err) != domain.TooLarge || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
