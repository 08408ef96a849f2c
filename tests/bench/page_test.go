package bench

import "testing"

func TestThePageIsFilled(t *testing.T) {
	before, after := "# Title\n\n"+pageBegin, pageEnd+"\nmore\n"
	for _, old := range []string{"", "an old table\n"} {
		got, err := fill(before+old+after, "a table\n")
		if err != nil || got != before+"a table\n"+after {
			t.Errorf("it is %q, %v", got, err)
		}
	}
	for _, page := range []string{"", before, after, after + before} {
		if _, err := fill(page, "a table\n"); err == nil {
			t.Errorf("%q has a place", page)
		}
	}
}
