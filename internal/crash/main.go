package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	play() // a process with a role ends here
	kills := flag.Int("kills", 1000, "how many processes are killed under load on each store, at least")
	seed := flag.Uint64("seed", 0, "of the plan of who dies where; 0 makes a new one")
	short := flag.Bool("short", false, "leave out what takes long: recovery with the default lease")
	only := flag.String("store", "", "sqlite or postgres; empty is both")
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1_000_000) + 1
	}
	fmt.Printf("kills=%d seed=%d\n", *kills, *seed)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed := false
	var last []string
	for _, store := range []string{"sqlite", "postgres"} {
		if *only != "" && *only != store {
			continue
		}
		c := &campaign{store: store, kills: *kills, short: *short, rng: rand.New(rand.NewPCG(*seed, 0)), deaths: map[string]int{}}
		if err := c.run(ctx); err != nil {
			fmt.Printf("%s: %v\n", store, err)
			failed = true
		}
		last = append(last, c.String())
	}
	for _, line := range last {
		fmt.Println(line)
	}
	if failed {
		os.Exit(1)
	}
}
