package chaos

import (
	"context"
	"errors"
	"net/http"
	"time"

	"culvert/tests/brokers"
	"culvert/tests/client"
)

// queueRows break what queues stand on.
func queueRows() []row {
	return []row{
		{name: "rebalances in the middle of leases", on: servers, env: []string{"CULVERT_QUEUE_LEASE=1s"}, alone: rebalances},
		{name: "members that hang with all they can hold", on: everywhere, env: []string{"CULVERT_QUEUE_LEASE=2s"}, alone: membersHang},
		{name: "poison messages while the broker is cut off", on: everywhere, alone: poisoning},
		{name: "queue deleted behind the bridge's back", on: []string{amqp}, forgets: true, disturb: queueDeleted},
		{name: "place of the queue set back while the bridge was away", on: []string{kafka}, disturb: queueSetBack},
		{name: "group deleted while the bridge was away", on: []string{kafka}, alone: groupDeleted},
	}
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

// unsettled is how many messages members have been given and not settled, as the nodes say that live; and how many are not settled by the broker's own account, as far as it tells: while it
// shares a queue out anew, what members hold is in flight nowhere.
func (x *trial) unsettled() (held, lag int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, node := range x.nodes {
		var q struct {
			InFlight int `json:"in_flight"`
			Lag      int
		}
		if err := client.Get(ctx, node.url+"/v1/topics/"+x.name+"/queues/"+queue, &q); err == nil {
			held += q.InFlight
			lag = max(lag, q.Lag)
		}
	}
	return held, lag
}
