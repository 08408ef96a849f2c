// Package conformance is the one suite that every broker passes: what ports.Broker promises, tried on the real thing. A new broker runs it in a few
// lines:
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, func(t *testing.T) conformance.Subject {
//			return conformance.Subject{Broker: …, Topic: …, Partitions: 3, …}
//		})
//	}
//
// What a broker does not declare among its capabilities must be refused with Unsupported; the suite checks that too. Cases are functions that return an
// error, so that the suite's own test can show that a broken broker fails them.
package conformance

import (
	"context"
	"testing"
	"time"

	"culvert/domain"
	"culvert/ports"
)

// Subject is a broker under test.
type Subject struct {
	Broker ports.Broker
	// Topic gives a topic that was never used before and can be used now, made where the broker needs that, with Partitions partitions. It is
	// gone after the test, as far as the broker can do that.
	Topic func(t testing.TB) domain.Topic
	// Partitions is how many partitions a topic has.
	Partitions int
	// AutoCreate says that a topic is made by its first use; else that is UnknownTopic.
	AutoCreate bool
	// FoldsEmptyKey says that the broker cannot tell an empty key from none.
	FoldsEmptyKey bool
	// QueuesBeginAtEnd says that a queue can only begin at its topic's end: a join that wants another beginning is Unsupported, whatever history the topic has.
	QueuesBeginAtEnd bool
	// InProcess says that there is no server that could be away: Another, Unreachable and Outage do not apply. A broker that does not say so must give all three.
	InProcess bool
	// Another gives a broker of the same kind on the same server, as another node has. Nobody but one node is in the queues of a broker that is InProcess.
	Another func(t testing.TB) ports.Broker
	// Trim gives a subject of whose topics retention can be made to take something, and what does that: it takes of each partition some of what is there, not all, and may publish something. A broker
	// that can reset queues must give it.
	Trim func(t testing.TB) (s Subject, trim func(topic domain.Topic))
	// Unreachable gives a broker of the same kind whose server is not there.
	Unreachable func(t testing.TB) ports.Broker
	// Outage gives a subject whose server can be stopped without harm to anybody else, and what stops it, which gives what starts it again.
	Outage func(t testing.TB) (s Subject, stop func() (start func()))
}

// caseTimeout is how long one case may take; only a broker that fails comes near it.
const caseTimeout = 4 * time.Minute

// testCase is one promise.
type testCase struct {
	name  string
	check func(ctx context.Context, s *bench) error
}

func cases() []testCase {
	return []testCase{
		{"Content", checkContent},
		{"Batches", checkBatches},
		{"KeyOrder", checkKeyOrder},
		{"Acks", checkAcks},
		{"TailLatest", checkTailLatest},
		{"TailEarliest", checkTailEarliest},
		{"TailLast", checkTailLast},
		{"TailTime", checkTailTime},
		{"TailResume", checkTailResume},
		{"TailOtherEpoch", checkTailOtherEpoch},
		{"StuckReader", checkStuckReader},
		{"TopicBeforeItsFirstUse", checkTopicBeforeItsFirstUse},
		{"Describe", checkDescribe},
		{"Catalogue", checkCatalogue},
		{"Cancellation", checkCancellation},
		{"JoinBeginsAtTheEnd", checkJoinBeginsAtTheEnd},
		{"JoinFrom", checkJoinFrom},
		{"JoinConflict", checkJoinConflict},
		{"HandOver", checkHandOver},
		{"Sharing", checkSharing},
		{"Revocation", checkRevocation},
		{"Queues", checkQueues},
		{"Progress", checkProgress},
		{"Peek", checkPeek},
		{"Move", checkMove},
		{"MoveRefused", checkMoveRefused},
		{"MoveBehindRetention", checkMoveBehindRetention},
		{"Occupied", checkOccupied},
		{"Forget", checkForget},
		{"EnsureQueue", checkEnsureQueue},
		{"Unreachable", checkUnreachable},
		{"Outage", checkOutage},
	}
}

// Run runs the suite on the broker that subject makes. It does not run in parallel with anything: one case looks for leaked goroutines.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	s := subject(t)
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), caseTimeout)
			defer cancel()
			if err := c.check(ctx, &bench{Subject: s, t: t}); err != nil {
				t.Error(err)
			}
		})
	}
}
