package system

import (
	"fmt"
	"io"
	"net"
	"os"

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
	serve, ok := find(args)
	if !ok {
		fmt.Fprintf(os.Stderr, "there is no system %q\n", args)
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

func find(args []string) (serve func(net.Listener), ok bool) {
	if len(args) != 1 {
		return nil, false
	}
	switch args[0] {
	case "raw":
		return newLimit(true).serve, true
	case "coalesce":
		return newLimit(false).serve, true
	case "naive":
		return serveNaive, true
	}
	return nil, false
}
