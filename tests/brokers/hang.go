package brokers

import "syscall"

// Hang lets the process do nothing until Wake: its connections stay, and what comes on them waits in the system. A process that hangs can be killed.
func (k *KafkaProcess) Hang() {
	k.t.Helper()
	k.signal(syscall.SIGSTOP)
}

// Wake ends what Hang began. A process that does not hang, or does not run, is left alone.
func (k *KafkaProcess) Wake() {
	k.t.Helper()
	if k.node.process != nil {
		k.signal(syscall.SIGCONT)
	}
}

func (k *KafkaProcess) signal(s syscall.Signal) {
	k.t.Helper()
	pid, err := k.node.process.pid()
	if err == nil {
		err = syscall.Kill(pid, s)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}
