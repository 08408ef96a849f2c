package chaos

import (
	"time"

	"github.com/IBM/sarama"

	"culvert/tests/brokers"
	"culvert/tests/client"
)

// clusterRows end nodes of a cluster, and start them again.
func clusterRows() []row {
	on := []string{cluster}
	return []row{
		{name: "leader killed with -9 and started again", on: on, disturb: leaderKilled, soak: true},
		{name: "leader hangs and wakes up", on: on, disturb: leaderHangs, variation: true, soak: true},
		{name: "controller killed with -9 and started again", on: on, disturb: controllerKilled, soak: true},
		{name: "coordinator of the queue killed with -9 and started again", on: on, disturb: coordinatorKilled, variation: true, soak: true},
		{name: "every node killed with -9 and started again, in turn", on: on, disturb: nodesInTurn, variation: true, soak: true},
		{name: "most nodes killed with -9 and started again", on: on, disturb: mostKilled, variation: true, soak: true},
		{name: "too few replicas in sync", on: on, disturb: tooFewInSync},
	}
}

func leaderKilled(x *trial) {
	leaders := brokers.KafkaLeaders(x.T, x.together(), x.name)
	x.away("a leader", leaders[x.rand.IntN(len(leaders))], true)
}

// leaderHangs lets a leader hang for longer than its session with the controller and the bridge's patience. It wakes up in the belief that it leads.
func leaderHangs(x *trial) {
	leaders := brokers.KafkaLeaders(x.T, x.together(), x.name)
	node := leaders[x.rand.IntN(len(leaders))]
	x.step("a leader, node %d, hangs", node)
	n := x.cluster[node-1]
	n.Hang()
	x.Cleanup(n.Wake)
	if x.rand.IntN(2) == 0 {
		x.step("all went on without it after %s", x.goOn("without it").Round(time.Millisecond))
	} else {
		x.pass(x.between(0, pick(7*time.Second, 30*time.Second)))
	}
	x.step("it wakes up")
	n.Wake()
	x.inSync()
}

func controllerKilled(x *trial) {
	x.away("the controller", brokers.KafkaController(x.T, x.together()), true)
}

func coordinatorKilled(x *trial) {
	x.away("the coordinator", brokers.KafkaCoordinator(x.T, x.together(), x.name+"."+queue), true)
}

func nodesInTurn(x *trial) {
	for i := range x.cluster {
		x.away("the next", int32(i+1), false)
	}
}

// mostKilled leaves one node of three, which can neither confirm a write nor elect a leader.
func mostKilled(x *trial) {
	doomed := x.rand.Perm(len(x.cluster))[1:]
	for _, i := range doomed {
		x.step("node %d is killed", i+1)
		x.cluster[i].Kill()
		x.Cleanup(x.cluster[i].Start)
	}
	x.pass(x.between(pick(5*time.Second, 10*time.Second), pick(6*time.Second, 30*time.Second)))
	x.step("they start again")
	for _, i := range doomed {
		x.cluster[i].Start()
	}
	x.inSync()
	if len(x.refusals()) == 0 {
		x.Error("a single node of three took messages")
	}
}

// tooFewInSync lets a write need all three replicas, and takes one away.
func tooFewInSync(x *trial) {
	needs := "3"
	set := map[string]sarama.IncrementalAlterConfigsEntry{"min.insync.replicas": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &needs}}
	if err := brokers.KafkaAdmin(x.T, x.together()).IncrementalAlterConfig(sarama.TopicResource, x.name, set, false); err != nil {
		x.Fatal(err)
	}
	doomed := x.cluster[x.rand.IntN(len(x.cluster))]
	x.step("a node is killed")
	doomed.Kill()
	x.Cleanup(doomed.Start)
	if !x.until(patience, func() bool { return x.told("in sync") }) {
		x.Error("publishers were not told that too few replicas are in sync")
	}
	x.step("publishers were told why")
	doomed.Start()
	x.inSync()
}

// away kills a node, and starts it again after a while; where without says so, once all have gone on without it. It returns when the node follows all partitions.
func (x *trial) away(what string, node int32, without bool) {
	x.step("%s, node %d, is killed", what, node)
	n := x.cluster[node-1]
	n.Kill()
	x.Cleanup(n.Start)
	x.pass(x.between(0, pick(time.Second, 10*time.Second)))
	if without {
		x.step("all went on without it after %s", x.goOn("without it").Round(time.Millisecond))
		x.described()
	}
	x.step("it starts again")
	n.Start()
	x.inSync()
}

// described wants the bridge to tell of the topic, for which each leader is asked.
func (x *trial) described() {
	var err error
	if !x.until(recovery, func() bool {
		_, err = client.Text(x.Context(), x.url()+"/v1/topics/"+x.name)
		return err == nil
	}) {
		x.Errorf("the topic cannot be told of: %v", err)
	}
	x.step("the bridge tells of the topic")
}

// inSync waits until all nodes have everything.
func (x *trial) inSync() {
	brokers.AwaitInSync(x.T, x.together(), x.name, deadLetters(x.name), "__consumer_offsets")
	x.step("all replicas are in sync")
}

// together is the whole cluster.
func (x *trial) together() brokers.KafkaCluster {
	all := brokers.KafkaCluster{Version: brokers.KafkaVersion}
	for _, n := range x.cluster {
		all.Addrs = append(all.Addrs, n.Addr())
	}
	return all
}
