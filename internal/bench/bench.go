// Package bench measures what a person deciding on Gancho wants to know: how
// many events it takes and delivers, how soon, at what cost, and whether one
// bad endpoint, a long history or a kill -9 changes that. It implements
// `gancho bench`.
//
// Every run starts real processes on 127.0.0.1 by executing its own binary
// again: a sink (the receiver, see [RunSink]) and, for each scenario, a fresh
// `gancho serve` on an empty data directory. The load generator is this
// process.
//
// # What the ratios mean
//
// The ceiling is the raw loop: this process posts straight to the sink,
//
//	raw:     generator ── POST payload ──▶ sink
//	gancho:  generator ── POST event ──▶ server ── POST payload ──▶ sink
//
// Both lines use the same generator (the same goroutines, the same net/http
// client, bodies made beforehand, answers read to the end), the same number of
// requests at once, the same payload and the same sink, which reads the whole
// body and decodes it. So the difference is the server. The raw loop runs
// before and after each scenario that is compared with it, and the mean of the
// two is the ceiling: machines are noisy, so results are ratios within one run.
//
// # What the times mean
//
// Publish to arrival runs from the moment before the event's request is
// written to the moment the sink has decoded its body, on the machine's one
// monotonic clock. Under a steady rate it runs from the moment the event was
// due to be sent, so that a server that makes the generator wait cannot hide
// it. An event counts as delivered when the sink has it and the server's
// own API shows no delivery left unfinished. Requests answered 429 or 503 are
// sent again after a pause; their time runs from the first try, and they are counted.
//
// The package promises that no process it started is left when [Run] returns or this
// process ends in any way.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Options are the flags of `gancho bench`.
type Options struct {
	Run         []string      `json:"run" name:"run" sep:"," default:"raw,publish,batch,records,fanout,ordered,steady,hang,backlog,history,schedule" help:"Scenarios to run, one after another: raw, publish, batch, records, fanout, ordered, steady, hang, backlog, history, schedule, crash; and with --database: engines, nodes, idle, failover."`
	Events      int           `json:"events" name:"events" default:"40000" help:"Deliveries to make in each scenario that runs as fast as it can."`
	Concurrency int           `json:"concurrency" name:"concurrency" default:"64" help:"Requests at once, for the raw loop and for publishing alike."`
	Payload     int           `json:"payload" name:"payload" default:"400" help:"Size of each event's payload, in bytes."`
	Batch       int           `json:"batch" name:"batch" default:"100" help:"Events per request in the batch scenario, and changes in the records scenario."`
	Records     int           `json:"records" name:"records" default:"10000" help:"Records that the changes of the records scenario are spread over."`
	Endpoints   int           `json:"endpoints" name:"endpoints" default:"10" help:"Endpoints in the hang scenario."`
	Fanout      int           `json:"fanout" name:"fanout" default:"50" help:"Endpoints that take each event in the fanout scenario."`
	Rate        float64       `json:"rate" name:"rate" default:"500" help:"Events per second in the steady, hang, backlog and failover scenarios."`
	Duration    time.Duration `json:"duration" name:"duration" default:"10s" help:"How long to hold the rate."`
	Idle        time.Duration `json:"idle" name:"idle" default:"5s" help:"How long to watch the idle server in the steady scenario, and idle nodes in the idle scenario."`
	Hang        int           `json:"hang" name:"hang" default:"1" help:"How many of the endpoints never answer in the hang scenario."`
	Crash       bool          `json:"crash" name:"crash" help:"Add the crash scenario to --run: kill -9 under load, restart, count lost and doubled events."`
	Kills       int           `json:"kills" name:"kills" default:"3" help:"How often the crash scenario kills the server."`
	Backlog     int           `json:"backlog" name:"backlog" default:"100000" help:"Deliveries waiting for one endpoint in the backlog scenario (1000000 for the record)."`
	BacklogBy   string        `json:"backlog_by" name:"backlog-by" enum:"hang,pause" default:"hang" help:"Why the backlog waits: its endpoint never answers (hang) or is paused (pause)."`
	History     int           `json:"history" name:"history" default:"200000" help:"Finished deliveries to grow to in the history scenario (2000000 for the record)."`
	Snapshot    int           `json:"snapshot" name:"snapshot" default:"100000" help:"Records in the schedule scenario, of which a fifth are in each snapshot."`
	Nodes       int           `json:"nodes" name:"nodes" default:"3" help:"How many nodes there are at most in the nodes scenario."`
	Database    string        `json:"-" name:"database" placeholder:"URL" help:"PostgreSQL database for the servers, as postgres://user:password@host/name, instead of SQLite. Create one for this purpose: the data remains there, under tenants whose names begin with bench-. The CPU time of the server does not include the database, which has rows of its own."`
	JSON        bool          `json:"-" name:"json" help:"Print one JSON object instead of the table."`
	Dir         string        `json:"-" name:"dir" type:"path" help:"Directory for the data, on the file system to measure. Default: the system's temporary directory."`
	Keep        bool          `json:"-" name:"keep" help:"Keep the data and the servers' logs, and print where they are."`
	Profile     string        `json:"-" name:"profile" type:"path" help:"Directory to write CPU profiles of the server to, if it serves /debug/pprof."`
}

// scenario is one way of looking at the server. It adds its rows to b.report.
type scenario struct {
	name  string
	about string
	run   func(*bench, context.Context) error
}

var scenarios = []scenario{
	{"raw", "the ceiling: POST straight to the sink", (*bench).raw},
	{"publish", "one event per request, one endpoint", (*bench).publish},
	{"batch", "many events per request, one endpoint", (*bench).batch},
	{"records", "record changes that fire an event each, one per request and many", (*bench).records},
	{"fanout", "one event to many endpoints", (*bench).fanout},
	{"ordered", "events to endpoints that keep their order", (*bench).ordered},
	{"steady", "a steady rate, then nothing at all", (*bench).steady},
	{"hang", "endpoints that never answer beside others", (*bench).hang},
	{"backlog", "an endpoint with a long queue beside another", (*bench).backlog},
	{"history", "cost per event and list pages as history grows", (*bench).history},
	{"schedule", "snapshots of many records beside other deliveries", (*bench).schedule},
	{"crash", "kill -9 under load, restart on the same data", (*bench).crash},
	{"engines", "one node on PostgreSQL beside SQLite", (*bench).engines},
	{"nodes", "one, two and three nodes on one PostgreSQL", (*bench).nodes},
	{"idle", "what nodes with nothing to do ask of the database", (*bench).idle},
	{"failover", "a node that is killed, and a pause on another node", (*bench).failover},
}

// bench is one run of `gancho bench`.
type bench struct {
	o       Options
	dir     string // holds every data directory and log
	stderr  io.Writer
	sink    *sink
	ceiling ceiling
	report  report
	lastRun atomic.Int64
	profile profile
}

// Run measures the chosen scenarios. It prints the results to stdout and the progress
// to stderr. A missed speed target is a result, not an error. Run returns an error if a
// scenario could not be measured or lost an event; it still prints the other results.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) (err error) {
	chosen, err := o.check()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.Dir, "gancho-bench-")
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil { // the processes start elsewhere
		return err
	}
	defer func() {
		if o.Keep {
			fmt.Fprintf(stderr, "Data and logs are kept in %s\n", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()

	b := &bench{o: o, dir: dir, stderr: stderr, profile: profile{dir: o.Profile}}
	b.report.Options = o
	b.report.StartedAt = time.Now().UTC().Truncate(time.Second)
	if b.report.Machine, err = measureMachine(ctx, dir); err != nil {
		return err
	}
	others := watchOthers()
	if b.sink, err = startSink(ctx, dir); err != nil {
		return err
	}
	defer b.sink.stop()

	var failures []error
	for _, s := range chosen {
		b.say("%s: %s", s.name, s.about)
		began := time.Now()
		b.report.scenario = s.name
		if err := s.run(b, ctx); err != nil {
			err = fmt.Errorf("%s: %w", s.name, err)
			failures = append(failures, err)
			b.report.fail(err)
			b.say("%v", err)
		}
		b.say("%s: done in %s", s.name, time.Since(began).Round(100*time.Millisecond))
		if ctx.Err() != nil {
			break
		}
	}
	b.sink.stop() // its CPU time is known only after it has ended
	b.report.Machine.Others = others()
	b.report.Seconds = time.Since(b.report.StartedAt).Round(time.Second).Seconds()
	return errors.Join(append(failures, b.report.print(stdout, o.JSON))...)
}

// say prints one line of progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.stderr, format+"\n", args...)
}

// newRun returns the number of the next run of the load generator. The sink uses it to
// tell late arrivals of one run from arrivals of the next.
func (b *bench) newRun() int { return int(b.lastRun.Add(1)) }

// serverDir is the path of a data directory for one server. It is not created here.
func (b *bench) serverDir(name string) string { return filepath.Join(b.dir, name) }

// check returns the scenarios to run, or an error for the first impossible option.
func (o *Options) check() ([]scenario, error) {
	names := o.Run
	if o.Crash && !slices.Contains(names, "crash") {
		names = append(slices.Clone(names), "crash")
	}
	var chosen []scenario
	for _, name := range names {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("--run: there is no scenario %q; there are raw, publish, batch, records, fanout, ordered, steady, hang, backlog, history, schedule, crash, engines, nodes, idle and failover", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	if o.BacklogBy == "" {
		o.BacklogBy = "hang"
	}
	for _, c := range []struct {
		flag string
		ok   bool
		want string
	}{
		{"--run", len(chosen) > 0, "at least one scenario"},
		{"--events", o.Events >= 1, "1 or more"},
		{"--concurrency", o.Concurrency >= 1 && o.Concurrency <= 4096, "1 to 4096"},
		{"--payload", o.Payload >= minPayload && o.Payload <= 1<<20, fmt.Sprintf("%d bytes to 1 MiB", minPayload)},
		{"--batch", o.Batch >= 1 && o.Batch <= 1000, "1 to 1000"},
		{"--records", o.Records >= 1 && o.Records <= 10_000_000, "1 to 10000000"},
		{"--endpoints", o.Endpoints >= 1 && o.Endpoints <= 1000, "1 to 1000"},
		{"--fanout", o.Fanout >= 1 && o.Fanout <= 1000, "1 to 1000"},
		{"--rate", o.Rate >= 1 && o.Rate <= 100_000, "1 to 100000 per second"},
		{"--duration", o.Duration > 0, "more than 0"},
		{"--idle", o.Idle > 0, "more than 0"},
		{"--hang", o.Hang >= 0 && o.Hang < o.Endpoints, "fewer than --endpoints"},
		{"--kills", o.Kills >= 1, "1 or more"},
		{"--backlog", o.Backlog >= 1, "1 or more"},
		{"--backlog-by", o.BacklogBy == "hang" || o.BacklogBy == "pause", "hang or pause"},
		{"--history", o.History >= 1, "1 or more"},
		{"--nodes", o.Nodes >= 1 && o.Nodes <= 20, "1 to 20"},
		{"--snapshot", o.Snapshot >= 1, "1 or more"},
	} {
		if !c.ok {
			return nil, fmt.Errorf("%s: give %s", c.flag, c.want)
		}
	}
	return chosen, nil
}
