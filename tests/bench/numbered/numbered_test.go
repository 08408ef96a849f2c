package numbered_test

import (
	"encoding/json"
	"testing"

	"culvert/tests/bench/numbered"
)

func TestAMessageTellsWhoseItIs(t *testing.T) {
	message := numbered.Append(nil, 7, 99, 100)
	numbered.Put(numbered.NumberIn(message), 12345)
	if p, n, err := numbered.Read(message); p != 7 || n != 12345 || err != nil || len(message) != 100 || !json.Valid(message) {
		t.Errorf("publisher %d, number %d, %d bytes: %v\n%s", p, n, len(message), err, message)
	}
}

func TestWhatIsNoMessageIsSeen(t *testing.T) {
	for _, text := range []string{"", `{"p":"0000000a","n":"00000000","pad":"xxxxxxxxxxxxxxxxxxx"}`, string(numbered.Append(nil, 1, 1, 100)[1:])} {
		if _, _, err := numbered.Read([]byte(text)); err == nil {
			t.Errorf("%q was taken for a message", text)
		}
	}
}

func TestATallySeesWhatIsLostTwiceOrForeign(t *testing.T) {
	const publishers, each = 2, 130
	tally := numbered.NewTally(publishers, each)
	for p := range publishers {
		for n := range each {
			if p == 1 && n == 65 {
				continue
			}
			if err := tally.Message(numbered.Append(nil, p, n, 100), 100); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tally.Left() != 1 || tally.Err() == nil {
		t.Errorf("%d are left: %v", tally.Left(), tally.Err())
	}
	for _, wrong := range [][2]int{{0, 0}, {0, each}, {publishers, 0}} {
		if tally.Add(wrong[0], wrong[1]) == nil {
			t.Errorf("%v was counted", wrong)
		}
	}
	if err := tally.Add(1, 65); err != nil || tally.Err() != nil || tally.Left() != 0 {
		t.Errorf("%d are left: %v, %v", tally.Left(), err, tally.Err())
	}
}
