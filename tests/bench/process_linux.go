package bench

import (
	"os/exec"
	"syscall"
)

// dieWithUs lets the process be killed when this one ends, however it ends.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
