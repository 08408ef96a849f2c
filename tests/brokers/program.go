package brokers

import (
	"context"
	"os/exec"
)

// whileInput runs "$@" until it ends, or its own input does: then it kills it. The status is the program's.
const whileInput = `exec 3<&0
"$@" </dev/null 3<&- &
program=$!
( read -r nothing; kill -9 $program ) <&3 >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait $program 2>/dev/null
status=$?
kill $guard 2>/dev/null
exit $status`

// program is a command that is killed when ctx ends or its standard input does, which happens when this process ends, however it does.
func program(ctx context.Context, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", append([]string{"-c", whileInput, "program"}, command...)...)
}
