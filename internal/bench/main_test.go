package bench

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes this test binary play the parts that the benchmark starts by
// executing itself: the sink, the real thing, and the server, a stand-in
// ([standIn]) that keeps the API's shapes and little else. A server that has a
// PostgreSQL is real too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		var err error
		switch os.Args[1] {
		case "bench-sink":
			err = RunSink(ctx, SinkOptions{Listen: "127.0.0.1:0"}, os.Stdin, os.Stdout)
		case "serve":
			serve := runStandIn
			if slices.Contains(os.Args, "--database") { // nodes have much to say to each other: the real thing
				serve = runServer
			}
			err = serve(ctx, os.Args[2:])
		}
		stop()
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		case os.Args[1] == "bench-sink" || os.Args[1] == "serve":
			return
		}
	}
	// A program under the race detector sleeps a second before it exits.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// small are options for runs that take a moment: they test that the benchmark
// measures what it says, never how fast anything is.
func small(run ...string) Options {
	return Options{
		Run: run, Events: 200, Concurrency: 4, Payload: 200, Batch: 7, Records: 30, Endpoints: 3, Fanout: 3,
		Rate: 200, Duration: 300 * time.Millisecond, Idle: 20 * time.Millisecond, Hang: 1, Kills: 1,
		Backlog: 100, BacklogBy: "hang", History: 300, Snapshot: 50, Nodes: 2,
	}
}
