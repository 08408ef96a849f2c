// Command run is the benchmark. It needs Linux, Go and this module; brokers are started as tests start them.
//
//	go run ./tests/bench/run [-long] [-only regexp] [-rounds n] [-json file] [-write page] [-profile folder] [-list]
//
// It exits with 1 when what was delivered was wrong, or nothing could be measured. A target that is missed is shown.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"culvert/tests/bench"
	"culvert/tests/bench/drive"
	"culvert/tests/bench/system"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == bench.SystemArgument {
		os.Exit(system.Main(os.Args[2:]))
	}
	long := flag.Bool("long", false, "do what takes long, too")
	only := flag.String("only", "", "do the works whose names match this regular expression")
	rounds := flag.Int("rounds", 3, "how many rounds each contender has")
	page := flag.String("write", "", "write the table to this page, too, between its markers")
	file := flag.String("json", "", "write the results to this file, too")
	profiles := flag.String("profile", "", "write CPU profiles of Culvert at work to this folder: one each work, of its last round")
	list := flag.Bool("list", false, "name the works, and do nothing")
	flag.Parse()
	which, err := regexp.Compile(*only)
	if err != nil {
		fail(err)
	}
	options := bench.Options{Long: *long, Only: which, Rounds: *rounds, Profile: *profiles, Say: os.Stderr}
	if *list {
		for _, w := range bench.Works() {
			fmt.Println(w.Name)
		}
		return
	}
	if err := run(options, *file, *page); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func run(o bench.Options, file, page string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if o.Descriptors, err = drive.RaiseDescriptors(); err != nil {
		return err
	}
	if o.Profile != "" {
		if err := os.MkdirAll(o.Profile, 0o755); err != nil {
			return err
		}
	}
	results, failed := bench.Run(ctx, bench.Works(), o)
	fmt.Printf("%s\n%s", bench.Table(results), bench.Targets(results))
	if failed != nil {
		return failed
	}
	if page != "" {
		if err := bench.WritePage(page, results); err != nil {
			return err
		}
	}
	if file == "" {
		return nil
	}
	return write(file, results)
}

// write writes what was found, and where, for comparison with other runs.
func write(file string, results []bench.Result) error {
	text, err := json.MarshalIndent(struct {
		Time    time.Time      `json:"time"`
		Go      string         `json:"go"`
		System  string         `json:"system"`
		CPUs    int            `json:"cpus"`
		Results []bench.Result `json:"results"`
	}{time.Now().UTC(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, runtime.NumCPU(), results}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}
