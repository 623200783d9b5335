// Package share divides the work between the nodes that share one database, so that
// each endpoint has one node that works for it: docs/adr/0007 says how and why.
//
// It promises:
//
//   - A node says that it owns an endpoint only while no other node can have taken
//     it over: it counts its lease from before it asked for it, by its own clocks.
//   - What a node had is taken over some seconds after it stops renewing, and what
//     it writes after that is refused by the store.
//   - Active endpoints are spread evenly, and move without being sent to twice: a
//     node first ends what it has in flight.
package share

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

// Store is what the database knows of the nodes. Every call is one transaction.
type Store interface {
	// Join makes this process a node with a lease. A node of the same name that was
	// before loses everything; "" is nobody's name.
	Join(ctx context.Context, name string, lease time.Duration, polls bool) (epoch int64, err error)
	// Named reports whether some node goes by a name.
	Named(ctx context.Context, name string) (bool, error)
	// Beat renews the lease and looks around. It fails with [hook.ErrFenced] when the
	// node has been taken for dead.
	Beat(ctx context.Context, epoch int64, lease time.Duration) (*hook.Nodes, error)
	// Bury takes everything from those nodes whose leases have expired.
	Bury(ctx context.Context, epochs []int64) error
	// Take and Give pass slots, which have no owner in between.
	Take(ctx context.Context, epoch int64, slots []int) (got []int, err error)
	Give(ctx context.Context, epoch int64, slots []int) error
	Leave(ctx context.Context, epoch int64) error
	// Weights is how many active endpoints each slot has.
	Weights(ctx context.Context) ([hook.Slots]int, error)
}

// Signals is what nodes tell each other through the database.
type Signals interface {
	// Tell tells other nodes, unless something fails, that endpoints have work.
	Tell(ctx context.Context, ids []hook.EndpointID, polls bool) error
	// Signals reads what nodes said since what was heard before.
	Signals(ctx context.Context, before hook.SignalsRead) (list []hook.Signal, now hook.SignalsRead, err error)
	LastSignal(ctx context.Context) (hook.SignalsRead, error)
	// Deaf reports whether notifications do not come through.
	Deaf(ctx context.Context) (bool, error)
	// Hear calls work for endpoints that have some, changed when there are signals and
	// missed when some may have been lost, until ctx or the connection ends.
	Hear(ctx context.Context, work func([]hook.EndpointID), changed, missed func()) error
	// Announce tells this node's own parts of a change that another node committed.
	Announce(c hook.Change)
}

// Worker is who works for the endpoints.
type Worker interface {
	// TakeOver begins with what other nodes had in hand. It is called before the
	// endpoints are owned.
	TakeOver(ctx context.Context, which func(hook.EndpointID) bool) error
	// HandOver ends the work for endpoints that are not owned any more, and returns
	// when nothing of it is in hand.
	HandOver(ctx context.Context, which func(hook.EndpointID) bool) error
	// Working lists the endpoints of which it has something in memory.
	Working() []hook.EndpointID
	// Abandon drops the work of earlier epochs at once.
	Abandon()
	// Nudge tells that what is owned has changed.
	Nudge()
	// Wake tells that an endpoint has work.
	Wake(id hook.EndpointID)
	// Supersede tells that a newer snapshot took the place of deliveries.
	Supersede(list []hook.Delivery)
}

// Options of [New].
type Options struct {
	Store   Store
	Signals Signals
	// Name is what this node keeps when it starts again, so that it gets its work back
	// at once. No two processes may have the same at a time; "" is none.
	Name string
	Log  *slog.Logger
	// Watched is told whether somebody at another node watches what happens; may be nil.
	Watched func(bool)
}

const (
	lease       = 8 * time.Second
	beatEvery   = 2 * time.Second
	pollEvery   = 900 * time.Millisecond // signals, by a node that hears no notifications
	tellDelay   = time.Millisecond       // gathers endpoints with work, as of one event
	tellEvery   = 10 * time.Millisecond  // at most
	tellPolling = 200 * time.Millisecond // the same if that writes signals
	weighBeats  = 5                      // beats between looks at how the endpoints are spread
	freshFor    = time.Minute            // since signals were read, without reading them again
	giveTimeout = 10 * time.Minute       // the longest a request can take, and then some

	arrangeTimeout = time.Minute // for one look at who owns what
)

// Node is this process as one of the nodes. It is the worker's Owner.
type Node struct {
	Options
	worker Worker

	epoch  atomic.Int64
	mono   atomic.Int64 // until when the lease is certain, after started
	wall   atomic.Int64 // the same by the wall clock, in case the other one was stopped
	owned  [hook.Slots]atomic.Bool
	polls  atomic.Bool // some node hears no notifications
	others atomic.Bool // there are other nodes
	spread atomic.Bool // weights tell how the endpoints are spread

	started time.Time
	deaf    bool
	onTime  bool // the beat before was
	giving  map[int]bool
	given   chan gift
	weights [hook.Slots]int
	beats   int

	mu      sync.Mutex
	tell    map[hook.EndpointID]struct{}
	telling chan struct{}
	kick    chan struct{}
	leading int           // parts that run because this node leads
	led     chan struct{} // one of them has ended

	reading sync.Mutex
	heard   hook.SignalsRead // what was read
}

// gift is slots that were handed over, or could not be.
type gift struct {
	epoch int64
	slots []int
}

// New makes a node that owns nothing until [Node.Start].
func New(o Options) *Node {
	if o.Watched == nil {
		o.Watched = func(bool) {}
	}
	return &Node{
		Options: o, started: time.Now(), giving: map[int]bool{}, given: make(chan gift, hook.Slots), tell: map[hook.EndpointID]struct{}{},
		telling: make(chan struct{}, 1), kick: make(chan struct{}, 1), led: make(chan struct{}, 1),
	}
}

// Owns reports whether this node may work for the endpoint now.
func (n *Node) Owns(id hook.EndpointID) bool { return n.owned[id.Slot()].Load() && n.inOffice() }

// inOffice reports whether no other node can have taken over. A stopped process
// finds its lease over when it goes on; a stopped machine by the wall clock.
func (n *Node) inOffice() bool {
	now := time.Now()
	return int64(now.Sub(n.started)) < n.mono.Load() && now.UnixNano() < n.wall.Load()
}

// Others reports whether this node shares the work with others.
func (n *Node) Others() bool { return n.others.Load() }

// Epoch is what this node's results are fenced by.
func (n *Node) Epoch() int64 { return n.epoch.Load() }

// Leads reports whether what only one node does is this one's to do.
func (n *Node) Leads() bool { return n.owned[leader].Load() && n.inOffice() }

// Tell tells the owner of an endpoint, soon, that it has work.
func (n *Node) Tell(id hook.EndpointID) {
	n.mu.Lock()
	n.tell[id] = struct{}{}
	n.mu.Unlock()
	signal(n.telling)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Follow marks the point from which on this node is told what other nodes change.
// Call it before anything is read that is then remembered.
func (n *Node) Follow(ctx context.Context) (err error) {
	n.heard, err = n.Signals.LastSignal(ctx)
	return err
}

// Start joins and takes what is free. Call it before [Node.Run], with the worker
// ready to work.
func (n *Node) Start(ctx context.Context, w Worker) (err error) {
	n.worker = w
	if n.deaf, err = n.Signals.Deaf(ctx); err != nil {
		return fmt.Errorf("cannot try notifications: %w", err)
	}
	if n.deaf {
		n.Log.Info("notifications do not come through this connection (a pooler?): polling instead")
	}
	if err := n.join(ctx); err != nil {
		return fmt.Errorf("cannot join the other nodes: %w", err)
	}
	return n.beat(ctx)
}

// Run shares until ctx ends. The caller then stops the worker and calls
// [Node.Leave].
func (n *Node) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { n.hear(ctx) })
	parts.Go(func() { n.runTell(ctx) })
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			n.beatOrLog(ctx)
		case <-n.kick:
			n.beatOrLog(ctx)
		case g := <-n.given:
			for _, s := range g.slots {
				if g.epoch == n.epoch.Load() {
					delete(n.giving, s)
				}
			}
		}
	}
	parts.Wait()
	return nil
}

// Leave frees everything, once the worker has stopped.
func (n *Node) Leave(ctx context.Context) error {
	n.drop()
	return n.Store.Leave(ctx, n.epoch.Load())
}

// Keep renews the lease while the worker finishes, until ctx ends. Nothing is taken
// or given any more.
func (n *Node) Keep(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		asked := time.Now()
		if _, err := n.Store.Beat(ctx, n.epoch.Load(), lease); err == nil {
			n.renewed(asked)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (n *Node) join(ctx context.Context) error {
	asked := time.Now()
	epoch, err := n.Store.Join(ctx, n.Name, lease, n.deaf)
	if err != nil {
		return err
	}
	n.epoch.Store(epoch)
	n.renewed(asked)
	n.onTime = false
	return nil
}

func (n *Node) renewed(asked time.Time) {
	n.wall.Store(asked.Add(lease).UnixNano())
	n.mono.Store(int64(asked.Sub(n.started) + lease))
}

// drop owns nothing any more.
func (n *Node) drop() {
	for i := range n.owned {
		n.owned[i].Store(false)
	}
}

func (n *Node) beatOrLog(ctx context.Context) {
	if err := n.beat(ctx); err != nil && ctx.Err() == nil {
		n.Log.Warn("cannot renew this node's lease, will try again", "error", err)
	}
}

// beat renews the lease, and puts right who owns what.
func (n *Node) beat(ctx context.Context) error {
	held := n.inOffice()
	view, err := n.renew(ctx)
	if errors.Is(err, hook.ErrFenced) {
		return n.fenced(ctx)
	}
	if err != nil {
		n.onTime = false
		return err
	}
	if !held {
		n.worker.Nudge()
	}
	n.polls.Store(view.Polls)
	n.others.Store(len(view.Alive) > 1)
	n.Watched(view.Signals.Watched)
	n.catchUp(ctx, view.Signals)
	// After an outage everybody seems dead: give them the time of a beat.
	onTime := n.onTime && held
	n.onTime = true
	return n.whileRenewing(ctx, func(ctx context.Context) error { return n.arrange(ctx, view, onTime) })
}

// renew renews the lease. A server that does not answer in time has not renewed it.
func (n *Node) renew(ctx context.Context) (*hook.Nodes, error) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	asked := time.Now()
	view, err := n.Store.Beat(ctx, n.epoch.Load(), lease)
	if err == nil {
		n.renewed(asked)
	}
	return view, err
}

// whileRenewing renews the lease while do runs, which may wait long: for the lock
// of changes, or for a large table. That this node was fenced is for the next beat
// to find.
func (n *Node) whileRenewing(ctx context.Context, do func(context.Context) error) error {
	limit, cancel := context.WithTimeout(ctx, arrangeTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- do(limit) }()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if _, err := n.renew(ctx); err != nil && ctx.Err() == nil {
				n.Log.Warn("cannot renew this node's lease, will try again", "error", err)
			}
		}
	}
}

// arrange puts right who owns what.
func (n *Node) arrange(ctx context.Context, view *hook.Nodes, onTime bool) (err error) {
	if onTime && len(view.Expired) > 0 {
		n.Log.Warn("nodes have stopped renewing their leases: taking over", "nodes", len(view.Expired))
		if err := n.Store.Bury(ctx, view.Expired); err != nil {
			return err
		}
		signal(n.kick) // look again at once: what they had is free now
		return nil
	}
	if n.beats++; n.beats%weighBeats == 1 && !n.spread.Swap(true) {
		if n.weights, err = n.Store.Weights(ctx); err != nil {
			n.spread.Store(false)
			return err
		}
	}
	// What the database has as this node's, and it does not know of: the answer to
	// taking it was lost.
	var forgotten []int
	for s, owner := range view.Owner {
		if owner == n.epoch.Load() && !n.owned[s].Load() && !n.giving[s] {
			forgotten = append(forgotten, s)
		}
	}
	take, give := plan(view, n.weights, n.epoch.Load(), n.giving)
	if err := errors.Join(n.own(ctx, forgotten), n.take(ctx, take)); err != nil {
		return err
	}
	n.give(ctx, give)
	return nil
}

// fenced begins anew after another node has taken over.
func (n *Node) fenced(ctx context.Context) error {
	n.Log.Warn("another node has taken over this node's work: joining anew")
	n.drop()
	n.epoch.Store(-1)
	n.worker.Abandon()
	clear(n.giving)
	if err := n.sole(ctx); err != nil {
		return err
	}
	if err := n.join(ctx); err != nil {
		return err
	}
	return n.beat(ctx)
}

// sole gives up the name of this node if another process goes by it, which took this
// one for its predecessor: otherwise the two would bury each other for ever.
func (n *Node) sole(ctx context.Context) error {
	if n.Name == "" {
		return nil
	}
	taken, err := n.Store.Named(ctx, n.Name)
	if err == nil && taken {
		n.Log.Error("another server goes by the name of this one: its data directory is a copy of this one's; " +
			"stop one of the two, delete the file node.name in its directory and start it again. Until then both work on, this one without a name")
		n.Name = ""
	}
	return err
}

func (n *Node) take(ctx context.Context, slots []int) error {
	if len(slots) == 0 {
		return nil
	}
	got, err := n.Store.Take(ctx, n.epoch.Load(), slots)
	if err != nil {
		return err
	}
	return n.own(ctx, got)
}

// own begins to work on slots that are this node's in the database. Until then
// nobody works on them, and publishers only store. If it fails, the next beat
// tries again.
func (n *Node) own(ctx context.Context, slots []int) error {
	if len(slots) == 0 {
		return nil
	}
	if err := n.worker.TakeOver(ctx, slotSet(slots)); err != nil {
		return err
	}
	for _, s := range slots {
		n.owned[s].Store(true)
	}
	n.worker.Nudge()
	return nil
}

// give hands slots over, those that nothing is done for together and each other one
// by itself, so that none waits for another's requests.
func (n *Node) give(ctx context.Context, slots []int) {
	epoch := n.epoch.Load()
	for _, s := range slots {
		n.owned[s].Store(false) // so from here on no work for it begins
		n.giving[s] = true
	}
	var busy [hook.Slots]bool
	for _, id := range n.worker.Working() {
		busy[id.Slot()] = true
	}
	busy[leader] = true // what only one node does has to end first
	var idle []int
	for _, s := range slots {
		if busy[s] {
			go n.giveNow(ctx, epoch, []int{s})
		} else {
			idle = append(idle, s)
		}
	}
	if len(idle) > 0 {
		go n.giveNow(ctx, epoch, idle)
	}
}

func (n *Node) giveNow(ctx context.Context, epoch int64, slots []int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveTimeout)
	defer cancel()
	defer func() { n.given <- gift{epoch, slots} }()
	if err := n.worker.HandOver(ctx, slotSet(slots)); err != nil { // kept then
		n.Log.Error("endpoints not handed over", "error", err)
		return
	}
	if slices.Contains(slots, leader) && !n.ledToEnd(ctx) {
		n.Log.Error("endpoints not handed over: what only one node does has not ended")
		return
	}
	for {
		err := n.Store.Give(ctx, epoch, slots)
		if err == nil || ctx.Err() != nil || n.epoch.Load() != epoch {
			return
		}
		n.Log.Warn("endpoints not handed over yet, will try again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func slotSet(slots []int) func(hook.EndpointID) bool {
	var in [hook.Slots]bool
	for _, s := range slots {
		in[s] = true
	}
	return func(id hook.EndpointID) bool { return in[id.Slot()] }
}

// runTell tells other nodes of their work, gathered for a moment, or for longer where
// there is much.
func (n *Node) runTell(ctx context.Context) {
	var told time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.telling:
		}
		every := tellEvery
		if n.polls.Load() {
			every = tellPolling
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(tellDelay, every-time.Since(told))):
		}
		told = time.Now()
		n.mu.Lock()
		ids := make([]hook.EndpointID, 0, len(n.tell))
		for id := range n.tell {
			ids = append(ids, id)
		}
		clear(n.tell)
		n.mu.Unlock()
		ids = slices.DeleteFunc(ids, n.Owns) // since then
		if err := n.Signals.Tell(ctx, ids, n.polls.Load()); err != nil && ctx.Err() == nil {
			n.Log.Warn("other nodes not told of their work: they will find it", "error", err)
		}
	}
}

// hear acts on what other nodes say, as soon as they do or, without notifications,
// soon. What is missed, a beat finds.
func (n *Node) hear(ctx context.Context) {
	if !n.deaf {
		n.listen(ctx)
		return
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.readSignals(ctx)
		}
	}
}

func (n *Node) listen(ctx context.Context) {
	for ctx.Err() == nil {
		read := func() { n.readSignals(ctx) }
		if err := n.Signals.Hear(ctx, n.wake, read, read); err != nil && ctx.Err() == nil {
			n.Log.Warn("notifications interrupted, listening again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// wake tells the worker of work that is this node's.
func (n *Node) wake(ids []hook.EndpointID) {
	for _, id := range ids {
		if n.Owns(id) {
			n.worker.Wake(id)
		}
	}
}

// catchUp reads what notifications did not tell of, if there is anything.
func (n *Node) catchUp(ctx context.Context, now hook.SignalsRead) {
	n.reading.Lock()
	current := now.Number <= n.heard.Number && now.At.Sub(n.heard.At) < freshFor
	if current && now.At.After(n.heard.At) {
		n.heard.At = now.At
	}
	n.reading.Unlock()
	if !current {
		n.readSignals(ctx)
	}
}

func (n *Node) readSignals(ctx context.Context) {
	n.reading.Lock()
	defer n.reading.Unlock()
	list, now, err := n.Signals.Signals(ctx, n.heard)
	if err != nil {
		if ctx.Err() == nil {
			n.Log.Warn("cannot read what other nodes say, will try again", "error", err)
		}
		return
	}
	n.heard = now
	n.Watched(now.Watched)
	for _, s := range list {
		switch {
		case s.Work:
			n.wake([]hook.EndpointID{s.Endpoint})
		case s.Superseded != hook.DeliveryID{}:
			n.worker.Supersede([]hook.Delivery{{ID: s.Superseded, Endpoint: s.Endpoint}})
		default:
			n.spread.Store(false)
			n.Signals.Announce(s.Change)
		}
	}
}

// leader is the slot whose owner leads.
const leader = 0

// WhileLeading runs a part that only one node may run: it is started when this node
// leads and stopped when it does not any more. The next node leads once it has ended.
func (n *Node) WhileLeading(ctx context.Context, run func(context.Context) error) error {
	look := time.NewTicker(beatEvery / 4)
	defer look.Stop()
	for {
		if n.beginLeading() {
			err := n.lead(ctx, run, look.C)
			n.endLeading()
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

func (n *Node) beginLeading() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.Leads() {
		return false
	}
	n.leading++
	return true
}

func (n *Node) endLeading() {
	n.mu.Lock()
	n.leading--
	n.mu.Unlock()
	signal(n.led)
}

// ledToEnd waits until nothing runs any more because this node led.
func (n *Node) ledToEnd(ctx context.Context) bool {
	for {
		n.mu.Lock()
		leading := n.leading
		n.mu.Unlock()
		if leading == 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-n.led:
		}
	}
}

func (n *Node) lead(ctx context.Context, run func(context.Context) error, look <-chan time.Time) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-look:
			if !n.Leads() {
				stop()
				return <-done
			}
		}
	}
}
