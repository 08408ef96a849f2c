package chaos

import (
	"slices"
	"time"
)

// brokerRows break the broker itself.
func brokerRows() []row {
	return slices.Concat([]row{
		{name: "broker killed with -9 and started again", on: servers, disturb: brokerKilled, soak: true},
		{name: "broker killed again as soon as it is back", on: servers, disturb: brokerKilledAgain, variation: true},
		{name: "broker away for longer than every time-out", on: servers, disturb: brokerAway, env: briefly()},
		{name: "disk full", on: servers, disturb: diskFull},
		{name: "memory alarm", on: []string{amqp}, disturb: memoryAlarm, soak: true},
	}, refusalRows())
}

func brokerKilled(x *trial) {
	x.step("the broker is killed")
	x.kill()
	x.pass(x.between(500*time.Millisecond, pick(2*time.Second, 10*time.Second)))
	x.step("the broker starts again")
	x.start()
}

func brokerKilledAgain(x *trial) {
	for range few(1, 4) {
		x.step("the broker is killed")
		x.kill()
		x.start()
		x.pass(x.between(0, 300*time.Millisecond)) // clients are coming back
	}
	x.step("the broker is killed again")
	x.kill()
	x.start()
}

// briefly are settings of time-outs that are even shorter than those of impatient.
func briefly() []string {
	return []string{
		"CULVERT_AMQP_DIAL_TIMEOUT=1s", "CULVERT_AMQP_REQUEST_TIMEOUT=2s",
		"CULVERT_INJECT_TIMEOUT=2s",
		"CULVERT_KAFKA_DIAL_TIMEOUT=1s", "CULVERT_KAFKA_REBALANCE_TIMEOUT=4s", "CULVERT_KAFKA_REQUEST_TIMEOUT=2s",
		"CULVERT_KAFKA_SESSION_TIMEOUT=2s",
		"CULVERT_QUEUE_LEASE=2s",
	}
}

func brokerAway(x *trial) {
	x.step("the broker is killed")
	x.kill()
	x.pass(pick(6*time.Second, 2*time.Minute))
	if len(x.refusals()) == 0 {
		x.Error("nobody was refused although the broker was away")
	}
	x.step("the broker starts again")
	x.start()
}

// diskFull fills the disk of a broker. RabbitMQ looks at how much is free, and takes nothing when that is too little; Kafka finds out when it writes, and ends.
func diskFull(x *trial) {
	x.step("the disk is full")
	if x.kind == amqp {
		mended := x.mender(func() { x.rabbit.ClearDiskAlarm(x.T) })
		x.rabbit.RaiseDiskAlarm(x.T)
		x.alarmed()
		mended()
		return
	}
	x.kafka.FillDisk()
	if !x.until(recovery, x.kafka.Ended) {
		x.Fatal("a Kafka without a disk lives on")
	}
	x.refuses("unavailable")
	x.step("there is room again")
	x.kafka.Kill()
	x.kafka.Start()
}

func memoryAlarm(x *trial) {
	x.step("the memory is used up")
	mended := x.mender(func() { x.rabbit.ClearMemoryAlarm(x.T) })
	x.rabbit.RaiseMemoryAlarm(x.T)
	x.alarmed()
	mended()
}

// alarmed wants publishers to be refused while a broker has an alarm, and those who read to go on: they see all that was acked, and can come anew.
func (x *trial) alarmed() {
	x.Helper()
	x.refuses("unavailable")
	x.step("publishers are refused")
	x.catchUp()
	x.comesAnew()
	x.pass(pick(0, 10*time.Second))
	x.step("the alarm ends")
}
