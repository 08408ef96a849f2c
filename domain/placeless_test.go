package domain

import "testing"

// Cursors were made for frames that tell none.
func TestFramesThatTellNoCursorAreGivenNone(t *testing.T) {
	run := &Run{Topic: "t", Base: NewVector(1, Place{}), Messages: []*Message{{}, {}}, After: NewVector(1, Place{Next: 2})}
	for _, placeless := range []bool{false, true} {
		run.Frames(&Format{Placeless: placeless, Append: func(dst []byte, e Event) []byte {
			if (e.Cursor == "") != placeless {
				t.Errorf("placeless %v: an event came with the cursor %q", placeless, e.Cursor)
			}
			return append(dst, '.')
		}})
	}
}
