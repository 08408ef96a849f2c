package kafka

import (
	"testing"

	"github.com/google/uuid"
)

func TestUUIDTextIsThatOfARandomUUID(t *testing.T) {
	for _, random := range [][16]byte{{}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}} {
		var text uuidText
		text.set(random)
		id, err := uuid.Parse(string(text[:]))
		if err != nil || id.Version() != 4 || id.Variant() != uuid.RFC4122 || id.String() != string(text[:]) {
			t.Errorf("%x became %q: %v", random, text[:], err)
		}
	}
}
