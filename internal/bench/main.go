package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == childArg {
		serve()
		return
	}
	b := &bench{}
	flag.IntVar(&b.iterations, "n", 3, "iterations; a figure is their median")
	flag.Float64Var(&b.scale, "scale", 1, "factor for all times and counts; below 1 it only shows that everything runs")
	flag.StringVar(&b.docs, "docs", "", "the docs folder to write tables and plots into")
	flag.StringVar(&b.profile, "profile", "", "a folder for CPU profiles of the budget's senders")
	short := flag.Bool("short", false, "one iteration of the most important scenarios, shorter")
	only := flag.String("only", "", "the scenarios to run, separated by commas")
	list := flag.Bool("list", false, "list the scenarios")
	flag.Parse()
	if *list {
		for _, s := range scenarios {
			fmt.Printf("%-12s %s\n", s.name, s.title)
		}
		return
	}
	chosen, err := choose(*only, *short)
	if err == nil {
		if *short {
			b.short, b.iterations = true, 1
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = b.run(ctx, chosen)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// choose returns the scenarios that are named; else all, or the short ones.
func choose(only string, short bool) ([]scenario, error) {
	var out []scenario
	if only == "" {
		for _, s := range scenarios {
			if s.short || !short {
				out = append(out, s)
			}
		}
		return out, nil
	}
	var errs []error
	for _, name := range strings.Split(only, ",") {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("-only: there is no scenario %q; -list names them", name))
			continue
		}
		out = append(out, scenarios[i])
	}
	return out, errors.Join(errs...)
}
