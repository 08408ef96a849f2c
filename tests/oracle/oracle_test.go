package oracle_test

import (
	"strings"
	"testing"

	"culvert/tests/oracle"
)

// run is a run in which everything went well, but for what a test does to it.
type run struct {
	*oracle.Oracle
	viewers []*oracle.Viewer
	members []*oracle.Member
	notes   []oracle.Note
}

func newRun() *run {
	r := &run{Oracle: oracle.New()}
	r.Prompt()
	for range 2 {
		r.viewers = append(r.viewers, r.Viewer("v"))
		r.members = append(r.members, r.Member("q", "m"))
	}
	for n := range 4 {
		note := oracle.Note{Publisher: 1, Key: "k", N: n}
		r.notes = append(r.notes, note)
		r.Sent(note)
	}
	return r
}

func (r *run) answerAll() {
	for _, n := range r.notes {
		r.Answered(n, true)
	}
}

func saw(v *oracle.Viewer, notes ...oracle.Note) {
	for _, n := range notes {
		v.Saw(n)
	}
}

func got(m *oracle.Member, notes ...oracle.Note) {
	for _, n := range notes {
		m.Got(n)
	}
}

func (r *run) showAll() {
	saw(r.viewers[0], r.notes...)
	saw(r.viewers[1], r.notes...)
}

// settleOne lets everything go well at one bridge, where the first member settles the second message at the last of these attempts, all of which it was told of.
func (r *run) settleOne(at string, attempts ...int) {
	r.answerAll()
	r.showAll()
	for _, m := range r.members {
		m.Joined(at, 0)
	}
	got(r.members[0], r.notes[0])
	for _, attempt := range attempts {
		r.members[0].Tried(r.notes[1], attempt)
	}
	got(r.members[1], r.notes[2:]...)
	r.members[0].Closed(r.notes[1], attempts[len(attempts)-1])
}

func (r *run) giveAll() {
	got(r.members[0], r.notes[:2]...)
	got(r.members[1], r.notes[2:]...)
}

func TestOracle(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*run)
		faults  string // a part of what must be said; empty: nothing is wrong
	}{
		"all is well": {func(r *run) { r.answerAll(); r.showAll(); r.giveAll() }, ""},
		"not acked, not seen": {func(r *run) {
			for i, n := range r.notes {
				r.Answered(n, i < 3)
			}
			saw(r.viewers[0], r.notes[:3]...)
			saw(r.viewers[1], r.notes[:3]...)
			got(r.members[0], r.notes[:3]...)
		}, ""},
		"a redelivery": {func(r *run) { r.answerAll(); r.showAll(); r.giveAll(); got(r.members[1], r.notes[1:2]...) }, ""},
		"a gap that counts": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(2)
			saw(r.viewers[1], r.notes[3])
		}, ""},
		"a gap that counts too few": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(1)
			saw(r.viewers[1], r.notes[3])
		}, "did not see 2 messages"},
		"a gap that counts too many": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(3)
			saw(r.viewers[1], r.notes[3])
		}, "only 2 that it did not see"},
		"a gap that counts what is the broker's own": {func(r *run) {
			r.Own(1)
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(3)
			saw(r.viewers[1], r.notes[3])
		}, ""},
		"a hole in the topic that was made anew": {func(r *run) {
			r.answerAll()
			r.giveAll()
			r.Remade()
			more := []oracle.Note{{Publisher: 1, Key: "k", N: 4}, {Publisher: 1, Key: "k", N: 5}}
			for _, n := range more {
				r.Sent(n)
				r.Answered(n, true)
			}
			got(r.members[0], more...)
			saw(r.viewers[0], append(r.notes, more...)...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(-1)
			saw(r.viewers[1], more[1])
		}, "did not see 1 messages"},
		"a queue's gap": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.members[0].Gap("0", 2)
			r.members[1].Gap("0", 2)
			got(r.members[1], r.notes[3])
		}, ""},
		"a queue's gap of unknown size": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.members[0].Gap("0", -1)
			got(r.members[0], r.notes[3])
		}, ""},
		"a queue's gap that is told to all and counts too few": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.members[0].Gap("0", 1)
			r.members[1].Gap("0", 1)
			got(r.members[1], r.notes[3])
		}, "2 messages were not settled; gaps told of 1"},
		"a queue's gaps of two partitions": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.members[0].Gap("0", 1)
			r.members[0].Gap("1", 1)
			got(r.members[0], r.notes[3])
		}, ""},
		"a queue's hole elsewhere than its gap": {func(r *run) {
			r.answerAll()
			r.showAll()
			r.members[0].Gap("0", -1)
			got(r.members[0], r.notes[0], r.notes[1], r.notes[3])
		}, "given to nobody"},
		"a queue's hole that one member went past": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0], r.notes[2])
			r.members[1].Gap("0", -1)
			got(r.members[1], r.notes[3])
		}, "given to nobody"},
		"a queue's gap that a member was not there to be told of": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.members[0].Away()
			r.members[1].Gap("0", 1)
			got(r.members[0], r.notes[2], r.notes[3])
		}, ""},
		"a queue that nobody was told of while a member was away": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.members[0].Away()
			got(r.members[0], r.notes[2], r.notes[3])
		}, "given to nobody"},
		"a queue's hole in the topic that was made anew": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes...)
			r.Remade()
			more := []oracle.Note{{Publisher: 1, Key: "k", N: 4}, {Publisher: 1, Key: "k", N: 5}}
			for _, n := range more {
				r.Sent(n)
				r.Answered(n, true)
				saw(r.viewers[0], n)
				saw(r.viewers[1], n)
			}
			r.members[0].Gap("0", -1)
			got(r.members[0], more[1])
		}, "given to nobody"},
		"what was held behind a queue's gap": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[:3]...)
			r.members[0].Settled(r.notes[0])
			r.members[0].Gap("0", 2)
			got(r.members[0], r.notes[3])
			r.members[0].Settled(r.notes[3])
		}, ""},
		"an answer is missing": {func(r *run) { r.showAll(); r.giveAll() }, "answered 0 times"},
		"an answer came twice": {func(r *run) { r.answerAll(); r.answerAll(); r.showAll(); r.giveAll() }, "answered 2 times"},
		"an answer to nothing": {func(r *run) { r.answerAll(); r.showAll(); r.giveAll(); r.Answered(oracle.Note{N: 99}, true) }, "never sent"},
		"a viewer missed one": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[1:]...)
		}, "did not see 1 messages"},
		"a viewer saw one twice":  {func(r *run) { r.answerAll(); r.giveAll(); r.showAll(); saw(r.viewers[0], r.notes[1]) }, "twice"},
		"a viewer saw a stranger": {func(r *run) { r.answerAll(); r.giveAll(); r.showAll(); saw(r.viewers[0], oracle.Note{Key: "x"}) }, "nobody sent"},
		"the order of a key": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes[0], r.notes[2], r.notes[1], r.notes[3])
			saw(r.viewers[1], r.notes...)
		}, "after later ones"},
		"viewers disagree": {func(r *run) {
			other := oracle.Note{Publisher: 2, Key: "k"}
			r.Sent(other)
			r.Answered(other, true)
			r.answerAll()
			r.giveAll()
			got(r.members[0], other)
			saw(r.viewers[0], append([]oracle.Note{other}, r.notes...)...)
			saw(r.viewers[1], append(r.notes, other)...)
		}, "different orders"},
		"a queue skipped one": {func(r *run) { r.answerAll(); r.showAll(); got(r.members[0], r.notes[1:]...) }, "given to nobody"},
		"a member out of order": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[1], r.notes[0], r.notes[2], r.notes[3])
		}, "was the first to get"},
		"a hole elsewhere than its gap": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			r.viewers[1].Gap(-1)
			saw(r.viewers[1], r.notes[0], r.notes[1], r.notes[3])
		}, "where no gap was told"},
		"a hole at a gap of unknown size": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(-1)
			saw(r.viewers[1], r.notes[3])
		}, ""},
		"an end that is missing after a gap": {func(r *run) {
			r.answerAll()
			r.giveAll()
			saw(r.viewers[0], r.notes...)
			saw(r.viewers[1], r.notes[0])
			r.viewers[1].Gap(-1)
			saw(r.viewers[1], r.notes[2])
		}, "where no gap was told"},
		"what was not acked comes late": {func(r *run) {
			for i, n := range r.notes {
				r.Answered(n, i != 1)
			}
			for _, v := range r.viewers {
				saw(v, r.notes[0], r.notes[2], r.notes[1], r.notes[3])
			}
			got(r.members[0], r.notes[0], r.notes[2], r.notes[1], r.notes[3])
		}, ""},
		"an answer that never came": {func(r *run) {
			for _, n := range r.notes[1:] {
				r.Answered(n, true)
			}
			r.Unknown(r.notes[0])
			r.showAll()
			r.giveAll()
		}, ""},
		"unknown and answered": {func(r *run) { r.answerAll(); r.Unknown(r.notes[0]); r.showAll(); r.giveAll() }, "the run itself is wrong"},
		"given and not settled": {func(r *run) {
			r.answerAll()
			r.showAll()
			r.giveAll()
			for _, n := range r.notes[1:] {
				r.members[1].Settled(n)
			}
		}, "neither settled nor dead-lettered"},
		"missing behind a gap that came early": {func(r *run) {
			r.Early()
			r.answerAll()
			r.showAll()
			r.members[0].Gap("", -1)
			got(r.members[0], r.notes[0], r.notes[2], r.notes[3])
		}, ""},
		"missing far behind a gap": {func(r *run) {
			r.answerAll()
			r.showAll()
			r.members[0].Gap("", -1)
			got(r.members[0], r.notes[0], r.notes[2], r.notes[3])
		}, "were given to nobody"},
		"missing before a gap": {func(r *run) {
			r.Early()
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0], r.notes[2], r.notes[3])
			r.members[0].Gap("", -1)
		}, "were given to nobody"},
		"settled or dead": {func(r *run) {
			r.answerAll()
			r.showAll()
			r.giveAll()
			for _, n := range r.notes[1:] {
				r.members[1].Settled(n)
			}
			r.Lettered("q", r.notes[0])
		}, ""},
		"a queue that was forgotten in between": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0])
			r.Forgotten("q")
		}, ""},
		"what a queue lacks that was sent after it was forgotten": {func(r *run) {
			r.Forgotten("q")
			after := oracle.Note{Publisher: 9, Key: "k"}
			r.Sent(after)
			r.Answered(after, true)
			r.answerAll()
			for _, v := range r.viewers {
				saw(v, append(r.notes, after)...)
			}
		}, "given to nobody"},
		"a redelivery that steps back": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[1], r.notes[0], r.notes[1])
			got(r.members[0], r.notes[2], r.notes[1])
			got(r.members[1], r.notes[2], r.notes[3])
		}, ""},
		"a key that two members had at once": {func(r *run) {
			r.answerAll()
			r.showAll()
			got(r.members[0], r.notes[0], r.notes[2])
			got(r.members[1], r.notes[1], r.notes[3])
		}, "was the first to get"},
		"what was settled is given again by the same bridge": {func(r *run) {
			r.settleOne("bridge 1", 1)
			r.members[1].Tried(r.notes[1], 2)
		}, "again, at attempt 2, from a bridge that had taken it as settled"},
		"what was settled is given again by the same bridge, which counts attempts anew": {func(r *run) {
			r.settleOne("bridge 1", 1)
			r.members[1].Tried(r.notes[1], 1)
		}, "again, at attempt 1, from a bridge that had taken it as settled"},
		"what was settled is given again by the same bridge at an attempt that was read before": {func(r *run) {
			r.settleOne("bridge 1", 1, 2)
			r.members[1].Tried(r.notes[1], 1)
		}, "again, at attempt 1, from a bridge that had taken it as settled"},
		"what was settled is given again to one who came later": {func(r *run) {
			r.settleOne("bridge 1", 2)
			r.members[1].Joined("bridge 1", r.Turn())
			r.members[1].Tried(r.notes[1], 1)
		}, "again, at attempt 1, from a bridge that had taken it as settled"},
		"what was settled is given again to one who came later and is told no attempt": {func(r *run) {
			r.settleOne("bridge 1", 2)
			r.members[1].Joined("bridge 1", r.Turn())
			got(r.members[1], r.notes[1])
		}, "again, at attempt 0, from a bridge that had taken it as settled"},
		"what was settled is given again by another bridge": {func(r *run) {
			r.settleOne("bridge 1", 1)
			r.members[1].Joined("bridge 2", r.Turn())
			r.members[1].Tried(r.notes[1], 1)
		}, ""},
		"what others have settled since is read late": {func(r *run) {
			r.settleOne("bridge 1", 2)
			r.members[1].Tried(r.notes[1], 1)
		}, ""},
		"what others have settled since is read late, and once more": {func(r *run) {
			r.settleOne("bridge 1", 2)
			r.members[1].Tried(r.notes[1], 1)
			r.members[1].Tried(r.notes[1], 1)
		}, "again, at attempt 1, from a bridge that had taken it as settled"},
		"what others have settled since is read late by one who was asked to wait": {func(r *run) {
			asked := r.Turn()
			r.settleOne("bridge 1", 2)
			r.members[1].Joined("bridge 1", asked)
			r.members[1].Tried(r.notes[1], 1)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun()
			c.happens(r)
			said := strings.Join(r.Judge(), "\n")
			if c.faults == "" && said != "" || !strings.Contains(said, c.faults) {
				t.Errorf("the oracle says %q, want %q", said, c.faults)
			}
		})
	}
}

func TestNotesSurviveTheirPayload(t *testing.T) {
	want := oracle.Note{Publisher: 3, Key: "AAPL", N: 17}
	if got, err := oracle.ParseNote(want.String()); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := oracle.ParseNote(want.String() + " and so on"); err != nil || got != want {
		t.Errorf("with padding: %v, %v", got, err)
	}
	for _, bad := range []string{"", "1 k", "x k 1", "1 k x", "-1 k 1"} {
		if _, err := oracle.ParseNote(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
