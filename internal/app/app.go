// Package app is the whole server as a value: its configuration, its wiring, and
// the order in which its parts start and stop. It is the only package that knows
// all the others, so that none of them has to know another.
//
// It promises that a server stops in an order that loses nothing: first it takes no
// new requests, then the deliveries in flight end and their results become durable,
// and only then the database is closed.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"gancho/contracts"
	"gancho/internal/admin"
	"gancho/internal/api"
	"gancho/internal/auth"
	"gancho/internal/catalog"
	"gancho/internal/console"
	"gancho/internal/contract"
	"gancho/internal/deliver"
	"gancho/internal/egress"
	"gancho/internal/explain"
	"gancho/internal/guide"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/lograte"
	"gancho/internal/metrics"
	"gancho/internal/quota"
	"gancho/internal/rekey"
	"gancho/internal/retention"
	"gancho/internal/schedule"
	"gancho/internal/send"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/send/oauth"
	"gancho/internal/send/redirect"
	"gancho/internal/stats"
	"gancho/internal/store"
	"gancho/internal/stream"
	"gancho/internal/view"
	"gancho/internal/work"
)

// Run serves until ctx ends, then stops in order and returns. What a person
// needs to know goes to stdout, the log to stderr.
func Run(ctx context.Context, cfg Config, stdout, stderr io.Writer) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	logo, err := console.ReadLogo(cfg.PortalLogo)
	if err != nil {
		return err
	}
	tuneMemory()
	limited, closeLog := lograte.New(cfg.logger(stderr).Handler())
	defer closeLog()
	log := slog.New(limited)
	open := openData
	if cfg.Database != "" {
		open = func(dir string, log *slog.Logger) (*data, error) { return joinData(ctx, dir, log) }
	}
	data, err := open(cfg.Data, log)
	if err != nil {
		return err
	}
	defer data.close()
	keys, err := data.sealKeys(string(cfg.EncryptionKey))
	if err != nil {
		return err
	}
	now := (&clock{wall: wallClock}).Now
	db, err := openStore(ctx, cfg, data, keys, now, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := db.Close(); err != nil {
			log.Error("database not closed cleanly", "error", err)
		}
	}()
	admin, generated, err := data.adminKey(string(cfg.AdminKey))
	if err != nil {
		return err
	}
	listener, err := openListener(cfg.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	var operator net.Listener
	if cfg.OperatorListen != "" {
		if operator, err = openListener(cfg.OperatorListen); err != nil {
			return err
		}
		defer operator.Close()
	}
	name := ""
	if cfg.Database != "" {
		if name, err = data.nodeName(); err != nil {
			return err
		}
	}
	s := &server{
		name: name, cfg: cfg, log: log, now: now, db: db, admin: admin, logo: logo,
		listener: listener, operator: operator, stdout: stdout,
	}
	if generated && !cfg.Demo { // the demo shows it further down
		fmt.Fprintf(stdout, "Admin key (printed once, kept in %s): %s\n", data.adminKeyFile(), admin)
	}
	return s.run(ctx)
}

// OpenAPI is the description of the API of a server of some version at an address, with examples for the contracts that
// come with the program, in version 3.1 or 3.0 of OpenAPI.
func OpenAPI(version string, at PublicURL, of string) []byte {
	return api.Document(api.Options{
		Version: version, PublicURL: at.url(), Guide: guideOf(guide.Sender{}), Examples: shippedContracts,
	}, of)
}

// tuneMemory makes the garbage collector run when the heap has grown to three times
// the live data, unless GOGC is set. The live data is small (bounded lanes, no caches
// of payloads), so this costs some tens of MiB and saves CPU under load. Where memory
// is scarce, GOMEMLIMIT limits it.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
}

// server is a running Gancho.
type server struct {
	name     string // of this node, see [data.nodeName]
	cfg      Config
	log      *slog.Logger
	now      func() time.Time // a [clock]
	db       *store.DB
	admin    string
	logo     *console.Logo
	listener net.Listener
	operator net.Listener // nil: the operator comes by the other one
	stdout   io.Writer
	live     stream.Hub // passes what happens to the readers of GET /v1/stream
}

// run starts each part after those it needs, and stops them in the opposite order:
// no new requests, no new deliveries, results durable, database closed.
func (s *server) run(ctx context.Context) error {
	storeStops, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	storeDone := make(chan error, 1)
	go func() { storeDone <- s.db.Run(storeStops) }()

	err := s.serve(ctx)

	stopStore()
	return errors.Join(err, <-storeDone)
}

// serve runs everything that needs the store.
func (s *server) serve(ctx context.Context) error {
	p, err := s.assemble()
	if err != nil {
		return err
	}
	defer p.close()
	s.connect(p)

	if err := p.nodes.Follow(ctx); err != nil {
		return fmt.Errorf("cannot read what other nodes changed: %w", err)
	}
	directory, err := s.importContracts(ctx, p.known)
	if err != nil {
		return err
	}
	if err := p.nodes.Start(ctx, p.worker); err != nil {
		return fmt.Errorf("cannot read what waits to be delivered: %w", err)
	}
	return s.work(ctx, p, directory)
}

// parts are the parts that need the store.
type parts struct {
	known     *catalog.Catalog
	counts    *stats.Counter
	quotas    *quota.Keeper
	reach     *egress.Keeper
	sender    *sendhttp.Transport
	nodes     sharing
	relay     *stream.Relay // nil if no other node can be there
	scripts   quota.Scripts
	worker    *deliver.Worker
	in        *ingest.Ingest
	newer     *reloader
	schedules *schedule.Scheduler
	auth      *auth.Auth
	numbers   *metrics.Metrics
	health    *health
	handler   *api.API
	cleaner   *retention.Cleaner
	rotator   *rekey.Rotator

	certificates *certificates
}

func (p *parts) close() {
	p.scripts.Close()
	p.sender.Close()
}

// assemble creates the parts and gives each those it needs. Nothing runs yet.
func (s *server) assemble() (*parts, error) {
	log := func(part string) *slog.Logger { return s.log.With("part", part) }
	proxy, err := sendhttp.ParseProxy(string(s.cfg.EgressProxy))
	if err != nil {
		return nil, err
	}
	pool, err := newScripts()
	if err != nil {
		return nil, err
	}
	quotas := quota.New(s.db, s.cfg.limits(), log("quota"))
	scripts := quotas.Scripts(pool)
	reach := egress.NewKeeper(s.db, s.cfg.AllowPorts)
	reach.Guard = sendhttp.NewGuard(s.cfg.allowed()).Check
	numbers := metrics.New(s.roundTrips, s.db.Commits)
	p := &parts{
		numbers: numbers,
		known:   catalog.New(s.db, log("contracts")), counts: stats.New(s.db, log("stats")), quotas: quotas, reach: reach, scripts: scripts,
		nodes:  s.newSharing(),
		sender: sendhttp.New(sendhttp.Options{Allow: s.cfg.allowed(), MaxAge: s.cfg.ConnectionAge, Egress: reach, Proxy: proxy}), rotator: rekey.New(s.db, log("rekey")), cleaner: retention.New(s.db, s.cfg.Retention, log("retention")),
	}
	if c := s.db.Cluster(); c != nil {
		p.relay = stream.NewRelay(&s.live, c, p.nodes.Others, log("stream"))
	}
	web := oauth.New(redirect.New(p.sender))
	transports := send.Transports{ // by the scheme of endpoints' URLs, also of those that the API accepts
		"http":  web,
		"https": web,
	}
	inForce := p.known.Set()
	inForce.Schemes = transports.Schemes()
	p.newer = newReloader(p.known, log("contracts"))
	seen := observer{numbers, p.counts, &s.live, log("deliver")}
	s.db.WatchMoves(seen.moved)
	p.worker = deliver.New(deliver.Options{
		Store: s.db, Past: s.db, Owner: p.nodes, Contracts: inForce, Scripts: scripts, Transports: transports,
		Observer: seen,
		Log:      log("deliver"), DisableAfter: s.cfg.DisableAfter, StopTimeout: s.cfg.StopTimeout,
		InFlight: requestsInFlight(), MemoryBytes: 64 << 20, Now: s.now,
	})
	p.health = &health{database: s.db, leased: p.nodes.LeaseValid, beat: p.worker.Beat}
	if s.cfg.Database == "" {
		p.health.disk = &disk{dir: s.cfg.Data, lowBelow: int64(s.cfg.DiskLow), log: log("disk")}
		numbers.Disk(p.health.disk.free.Load, p.health.disk.low.Load)
	}
	p.certificates = &certificates{store: s.db, known: inForce, log: log("certificates")}
	numbers.Certificates(p.certificates.soonest)
	p.in = ingest.New(ingest.Options{
		Store: s.db, Dispatcher: dispatcher{p.worker, &s.live}, Contracts: inForce, KeepKeys: s.cfg.Idempotency, MaxPayload: int(s.cfg.MaxPayload),
		Log: log("ingest"), Now: s.now,
		EventWork: int64(s.cfg.EventWork), Accounts: work.NewAccounts(int64(s.cfg.TenantWork)), LeftOut: seen.Cancelled, Omitted: seen.omitted,
		Shown: view.Views{Contracts: inForce}.Event,
	})
	// All nodes have the same name here. Schedules run on the leading node, and a node
	// that becomes the leader takes over the claims of the one before (docs/adr/0007).
	p.schedules = schedule.New(schedule.Options{Store: s.db, Accepter: p.in, Contracts: inForce, Node: "single", Work: runWork * int64(s.cfg.EventWork), Log: log("schedule")})
	p.auth = auth.New(s.db, s.admin, nil)
	p.auth.SetSessionKeys(s.db.SessionKeys()...)
	p.auth.Observe(func(d auth.Door, limited bool) { numbers.KeyRefused(string(d), limited) })
	documented := guide.Sender{Addresses: s.cfg.SenderAddresses.List(), URL: string(s.cfg.PublicURL)}
	cases := s.useCases(p, inForce)
	p.handler = api.New(api.Options{
		Admin: cases, Auth: p.auth, Accepter: p.in, Changer: p.in, Quota: p.quotas, Explain: explain.Explainer{Contracts: inForce}, Views: view.Views{Contracts: inForce},
		Streams: &s.live, Guide: guideOf(documented), Examples: shippedContracts, Senders: documented.Addresses,
		Events: s.db, Deliveries: s.db, Records: s.db, Stats: s.db, Omissions: s.db, Audit: s.db, Health: p.health,
		Once: s.db, KeepKeys: s.cfg.Idempotency,
		MaxPayload: int(s.cfg.MaxPayload), Bodies: int64(s.cfg.MaxBodies), Log: log("api"), Metrics: numbers.Handler(),
		PublicURL: s.cfg.PublicURL.url(), PortalLogo: s.logo.Path(), PortalAccent: string(s.cfg.PortalAccent),
		Console: s.pages(cases.Contracts, documented),
	})
	return p, nil
}

// runWork is how many times the work of one event a run of a schedule may cost: it reads all records of a kind.
const runWork = 1000

// useCases are the use cases that every way in calls.
func (s *server) useCases(p *parts, inForce *contract.Set) admin.Admin {
	return admin.Admin{
		People:      admin.People{Store: s.db},
		Tenants:     admin.Tenants{Store: s.db, Spool: s.cfg.Data},
		Endpoints:   admin.Endpoints{Store: s.db, Contracts: inForce, Scripts: p.scripts, Egress: p.reach, Greeter: p.worker},
		Credentials: admin.Credentials{Store: s.db, Contracts: inForce, Egress: p.reach},
		Keys:        admin.Keys{Store: s.db},
		Contracts:   admin.Contracts{Store: s.db, InForce: inForce, Catalog: p.known, Library: contract.NewLibrary(contracts.Library())},
		Tests:       admin.Tests{Store: s.db, Contracts: inForce, Tester: p.worker, MaxPayload: int(s.cfg.MaxPayload), Hide: view.Views{Contracts: inForce}.Public},
		Recoveries:  admin.Recoveries{Store: s.db, Contracts: inForce, Recoverer: p.in, Waker: p.worker},
		Bulks:       admin.Bulks{Store: s.db, Recoverer: p.in, Shown: view.Views{Contracts: inForce}.Event},
		Filters:     admin.SavedFilters{Store: s.db},
		Schedules:   admin.Schedules{Store: s.db, Contracts: inForce, Runner: p.schedules},
		Deliveries:  admin.Deliveries{Store: s.db, Contracts: inForce, Waker: p.worker},
		Events:      admin.Events{Store: s.db},
		PortalLinks: admin.PortalLinks{Store: s.db},
		Lookups:     admin.Lookups{Store: s.db},
		SealKeys:    admin.EncryptionKeys{Store: s.db, Begun: p.rotator.Begin},
	}
}

// connect makes the parts learn of changes: of configuration that the store commits,
// and of contracts that come into force.
func (s *server) connect(p *parts) {
	for _, changed := range []func(hook.Change){
		p.newer.changed, p.in.Forget, p.worker.Refresh, p.schedules.Changed, p.auth.Changed, s.live.Changed, p.cleaner.Changed, p.quotas.Changed, p.reach.Changed,
	} {
		s.db.Watch(changed)
	}
	s.db.Watch(func(c hook.Change) {
		if c.Anything { // also after a rotation of the encryption key
			p.auth.SetSessionKeys(s.db.SessionKeys()...)
		}
	})
	for _, changed := range []func(hook.Change){p.in.Forget, p.worker.Refresh, s.live.Changed, p.schedules.Changed} {
		p.known.Watch(changed)
	}
}

// work runs the parts until ctx ends or one of them fails. The parts that accept
// requests and events (front) stop first, then those that work on them (back), so
// there are two contexts.
func (s *server) work(ctx context.Context, p *parts, directory *catalog.Directory) error {
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	back, working := errgroup.WithContext(working)
	back.Go(func() error { return p.nodes.Run(working) })
	back.Go(func() error { return p.worker.Run(working) })
	back.Go(func() error { return p.nodes.WhileLeading(working, p.in.Run) })
	back.Go(func() error { return p.nodes.WhileLeading(working, p.cleaner.Run) })
	back.Go(func() error { return p.rotator.Run(working) })
	back.Go(func() error { return p.nodes.WhileLeading(working, p.rotator.Lead) })
	back.Go(func() error { return p.newer.run(working) })
	back.Go(func() error { return p.counts.Run(working) })
	back.Go(func() error { return p.auth.Run(working) })
	back.Go(func() error { return p.quotas.Run(working) })
	if p.relay != nil {
		back.Go(func() error { return p.relay.Run(working) })
	}
	if d := p.health.disk; d != nil {
		back.Go(func() error { return d.run(working) })
	}
	back.Go(func() error { return p.certificates.run(working) })
	if directory != nil {
		back.Go(func() error { return directory.Run(working) })
	}

	doors, front := errgroup.WithContext(ctx)
	doors.Go(func() error { return p.nodes.WhileLeading(front, p.schedules.Run) }) // it accepts events, as the API does
	s.open(doors, front, p)
	if s.cfg.Demo {
		doors.Go(func() error { return s.demo(front, p.known.Set()) })
	} else {
		fmt.Fprintf(s.stdout, "Gancho listens on %s\n", s.url())
	}
	err := doors.Wait()
	stopWork()
	// Requests in flight finish while this node still holds its lease. After that other
	// nodes may take over its endpoints.
	keep, done := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan error, 1)
	go func() { kept <- p.nodes.Keep(keep) }()
	err = errors.Join(err, back.Wait())
	done()
	err = errors.Join(err, <-kept)
	s.leave(p.nodes)
	p.counts.Flush(context.WithoutCancel(ctx)) // the results of the last requests
	p.quotas.Flush(context.WithoutCancel(ctx))
	if p.relay != nil {
		p.relay.Flush(context.WithoutCancel(ctx))
	}
	return err
}

// leave gives up this node's endpoints, so that other nodes take them at once. If that
// fails, they take them when the lease expires, some seconds later.
func (s *server) leave(nodes sharing) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := nodes.Leave(ctx); err != nil {
		s.log.Warn("other nodes could not be notified that this one stopped; they take over when its lease expires", "error", err)
	}
}

// importContracts puts the stored contracts in force, then imports new versions from
// the program and from the operator's directory. It returns the directory to watch,
// nil if none is configured.
func (s *server) importContracts(ctx context.Context, known *catalog.Catalog) (*catalog.Directory, error) {
	if err := known.Reload(ctx); err != nil {
		return nil, err
	}
	if err := known.ImportShipped(ctx, contracts.Files); err != nil {
		return nil, err
	}
	if s.cfg.Contracts == "" {
		return nil, nil
	}
	d := known.Directory(s.cfg.Contracts)
	return d, d.Import(ctx)
}

func (s *server) url() string { return "http://" + s.listener.Addr().String() }
