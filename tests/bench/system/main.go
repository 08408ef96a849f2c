package system

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"

	"culvert/tests/bench/bare"
)

// Main is the process of a system: its name, and what it is told besides. It prints the address where it listens as its first line, and ends with its input. The result is its exit code.
func Main(args []string) int {
	if len(args) == 2 && args[0] == Bare {
		if err := bare.Serve(args[1], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	serve, err := find(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go serve(l) // ends with the process
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // whoever started it is gone, or wants it to go
	return 0
}

// Bare is the first argument of a process that is to be a client of package bare, the one of the second argument. It does not listen: see bare.Serve.
const Bare = "bare"

func find(args []string) (serve func(net.Listener), err error) {
	switch {
	case len(args) > 0 && args[0] == Fed:
		return fed(args[1:])
	case slices.Equal(args, []string{"raw"}):
		return newLimit(true).serve, nil
	case slices.Equal(args, []string{"coalesce"}):
		return newLimit(false).serve, nil
	case slices.Equal(args, []string{"naive"}):
		return serveNaive, nil
	}
	return nil, fmt.Errorf("there is no system %q", args)
}
