package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"culvert/tests/brokers"
	"culvert/tests/client"
	"culvert/tests/oracle"
)

// queueRows break what queues stand on.
func queueRows() []row {
	return []row{
		{name: "rebalances in the middle of leases", on: servers, env: []string{"CULVERT_QUEUE_LEASE=1s"}, alone: rebalances},
		{name: "members that hang with all they can hold", on: everywhere, env: []string{"CULVERT_QUEUE_LEASE=2s"}, alone: membersHang},
		{name: "poison messages while the broker is cut off", on: everywhere, alone: poisoning},
		{name: "queue deleted behind the bridge's back", on: []string{amqp}, disturb: queueDeleted},
		{name: "place of the queue set back while the bridge was away", on: []string{kafka}, disturb: queueSetBack},
		{name: "group deleted while the bridge was away", on: []string{kafka}, alone: groupDeleted},
	}
}

// rebalances lets bridges leave in order, die and join while members hold messages, some for longer than their lease.
func rebalances(x *trial) {
	for range 3 {
		x.addNode()
	}
	doors := newDoors(x.nodes)
	x.door = doors.any
	var diligent atomic.Bool
	const most = 1500 * time.Millisecond // half as long again as the lease
	x.habits.dwell = func() time.Duration {
		switch {
		case diligent.Load():
			return 0
		case rand.IntN(40) == 0:
			return most/3 + rand.N(2*most/3)
		}
		return rand.N(30 * time.Millisecond)
	}
	x.underLoad(crowd{publishers: 3, viewers: 3, members: 9, keys: 40, rate: 40}, func(x *trial) {
		for range few(1, 8) {
			for _, leave := range []func(*node){(*node).stop, (*node).kill} {
				n := x.nodes[x.rand.IntN(len(x.nodes))]
				doors.close(n)
				leave(n)
				x.step("the bridge at %s has left", n.url)
				x.pass(x.between(0, pick(500*time.Millisecond, 6*time.Second)))
				n.start()
				doors.open(n)
				x.step("it is back")
				x.pass(x.between(0, pick(500*time.Millisecond, 6*time.Second)))
			}
		}
		diligent.Store(true)
		x.pass(most) // what is still held is settled then, or goes to others
	})
}

// membersHang lets members take all that they can hold and say nothing more: one whose connection lives, and one that is frozen, which reads nothing either.
func membersHang(x *trial) {
	const lease = 2 * time.Second
	given := newTries()
	x.addNode()
	x.habits.told = given.saw
	x.habits.dwell = func() time.Duration { return 20 * time.Millisecond } // else those who hang are hardly given anything
	x.underLoad(usual(), func(x *trial) {
		alive, frozen := hang(x, "alive"), hang(x, "frozen")
		alive.take(8, lease/2)
		held := alive.notes()
		x.step("a member hangs with %d messages, another is frozen", len(held))
		if took := x.goOn("while members hang"); took > 3*lease {
			x.Errorf("all went on only after %s, and a lease is %s", took, lease)
		}
		x.pass(lease)
		if !x.until(recovery, func() bool { return len(given.lacks(held)) == 0 }) {
			x.Errorf("these were held by a member that hangs, and have come to no other: %v", given.lacks(held))
		}
		if once := given.once(held); len(once) > 0 {
			x.Errorf("these came to others as if for the first time: %v", once)
		}
		alive.tooLate()
		x.step("what it held has gone to others")
		alive.ws.Close()
		frozen.ws.Close()
	})
	if letters := x.load.letters(); len(letters) > 0 {
		x.Errorf("%d messages are dead letters, such as %v: others could have handled them", len(letters), letters[0])
	}
}

// poisoning injects messages that no member can handle, while the connection to the broker comes and goes.
func poisoning(x *trial) {
	x.addNode()
	var sent []oracle.Note
	x.underLoad(usual(), func(x *trial) {
		for round := range few(3, 20) {
			sent = append(sent, x.inject(fmt.Sprintf("%s-%d", poisoned, round), few(10, 50))...)
			if x.proxy == nil {
				continue
			}
			x.proxy.down()
			x.step("the broker is cut off, for the %d. time", round+1)
			x.pass(x.between(0, pick(500*time.Millisecond, 5*time.Second)))
			x.proxy.up()
			x.pass(x.between(0, pick(500*time.Millisecond, 2*time.Second)))
		}
		x.goOn("after the poison")
		if !x.until(recovery, func() bool { return len(lacking(x.load.letters(), sent)) == 0 }) {
			x.Errorf("these are no dead letters: %v", lacking(x.load.letters(), sent))
		}
		x.step("%d of poison are dead letters", len(sent))
	})
	for _, n := range x.load.letters() {
		if !poison(n) {
			x.Errorf("%v is a dead letter, and members can handle it", n)
		}
	}
}

// lacking are those of notes that letters do not have.
func lacking(letters, notes []oracle.Note) (lacking []oracle.Note) {
	there := map[oracle.Note]bool{}
	for _, n := range letters {
		there[n] = true
	}
	for _, n := range notes {
		if !there[n] {
			lacking = append(lacking, n)
		}
	}
	return lacking
}

// queueDeleted deletes the queue in the server under its members.
func queueDeleted(x *trial) {
	for range few(2, 10) {
		x.deleteQueue(x.name + ":" + queue)
		x.step("the queue is deleted")
		x.pass(x.between(0, pick(time.Second, 5*time.Second)))
		x.goOn("after the queue was deleted")
	}
}

// queueSetBack sets the place of the queue back to the beginning, by Kafka's own tool.
func queueSetBack(x *trial) {
	x.nodes[0].stop()
	x.step("the bridge has left")
	brokers.ConsumerGroupCommand(x.T, x.kafka.Cluster(), "--group", x.name+"."+queue, "--topic", x.name, "--reset-offsets", "--to-earliest", "--execute")
	x.step("the queue is at its beginning")
	x.nodes[0].start()
}

// groupDeleted deletes the queue when all was settled and nobody is there: it begins at the end then, as any queue does, and has what comes from then on.
func groupDeleted(x *trial) {
	n := x.addNode()
	x.load = newLoad(x, crowd{viewers: 2, members: 2, keys: 10})
	defer x.load.close()
	x.load.open()
	x.inject("before", 50)
	if !x.until(recovery, func() bool { return x.ofQueue().Lag == 0 }) {
		x.Fatalf("the queue has not settled what it was given: %+v", x.ofQueue())
	}
	n.stop()
	x.step("the bridge has left")
	brokers.ConsumerGroupCommand(x.T, x.kafka.Cluster(), "--group", x.name+"."+queue, "--delete")
	x.step("the group is deleted")
	n.start()
	if !x.until(recovery, func() bool { return x.ofQueue().Members == 2 }) {
		x.Fatal("members have not come back")
	}
	x.inject("after", 50)
	x.load.finish()
	x.judge()
}

// ofQueue is what the bridge says of the queue; nothing where it has not begun.
func (x *trial) ofQueue() (q struct{ Members, Lag int }) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := client.Get(ctx, x.url()+"/v1/topics/"+x.name+"/queues/"+queue, &q)
	var refusal *client.StatusError
	if err != nil && !(errors.As(err, &refusal) && refusal.Status == http.StatusNotFound) {
		x.Errorf("the queue: %v", err)
	}
	return q
}

// atRabbit does something to the server behind the bridge's back, on a connection of its own.
func (x *trial) atRabbit(do func(*amqp091.Channel) error) error {
	conn, err := amqp091.Dial(x.rabbit.URL())
	if err != nil {
		return err
	}
	defer conn.Close()
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	return do(channel)
}

// deleteQueue deletes a queue in the server, with all in it.
func (x *trial) deleteQueue(name string) {
	x.Helper()
	if err := x.atRabbit(func(server *amqp091.Channel) error {
		_, err := server.QueueDelete(name, false, false, false)
		return err
	}); err != nil {
		x.Fatal(err)
	}
}
