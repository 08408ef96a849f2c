package bridge

import (
	"os/exec"
	"sync"
)

// waiting holds the shells of Outlive, whose pipes would close if they were collected.
var waiting sync.Map

// Outlive runs a line of shell when this process ends, however it ends: a panic, a time-out and a kill run no clean-up of ours, but close the pipe that
// the shell waits on. args are the line's $1, $2, …. forget takes it back.
func Outlive(line string, args ...string) (forget func(), err error) {
	shell := exec.Command("sh", append([]string{"-c", "trap '' INT; read -r nothing; " + line, "outlive"}, args...)...)
	life, err := shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := shell.Start(); err != nil {
		life.Close()
		return nil, err
	}
	waiting.Store(shell, life)
	return func() {
		_ = shell.Process.Kill()
		_ = shell.Wait() // closes the pipe; that the shell was killed is no news
		waiting.Delete(shell)
	}, nil
}
