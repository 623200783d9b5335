// Package share divides the work between the nodes that share one database, so that
// each endpoint is served by one node at a time. docs/adr/0007 says how and why.
//
// Endpoints are in slots, and each slot has an owner or none. A node sends a heartbeat
// every two seconds, which renews its lease and shows who owns which slot. From that it
// works out which slots to take and which to give away.
//
// It promises:
//
//   - A node says that it owns an endpoint only while no other node can have taken the endpoint
//     over. The node measures the lease with its own clocks, from the moment before it asked
//     for it.
//   - The slots of a node that stops renewing its lease are taken over some seconds later.
//     The store refuses what that node writes afterwards.
//   - Active endpoints are spread evenly. When an endpoint moves, nothing is sent twice: the
//     old node first finishes the requests that it is making.
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
	// Join makes this process a node with a lease. An earlier node of the same name loses
	// its slots; "" is no name. polls says that this node gets no notifications.
	Join(ctx context.Context, name string, lease time.Duration, polls bool) (epoch int64, err error)
	// NameTaken reports whether some node has a name.
	NameTaken(ctx context.Context, name string) (bool, error)
	// Heartbeat renews the lease and returns what all nodes own. The error is [hook.ErrFenced]
	// if another node has taken over the slots of this one.
	Heartbeat(ctx context.Context, epoch int64, lease time.Duration) (*hook.Nodes, error)
	// Evict removes those of the nodes whose leases have expired; their slots become free.
	Evict(ctx context.Context, epochs []int64) error
	// Take makes the node the owner of those slots that are free.
	Take(ctx context.Context, epoch int64, slots []int) (got []int, err error)
	// Give makes slots of the node free.
	Give(ctx context.Context, epoch int64, slots []int) error
	// Leave removes the node; its slots become free.
	Leave(ctx context.Context, epoch int64) error
	// Weights is how many active endpoints are in each slot.
	Weights(ctx context.Context) ([hook.Slots]int, error)
}

// Signals are messages between nodes, through the database.
type Signals interface {
	// NotifyWork says to the other nodes that endpoints have work. polls says that some
	// node gets no notifications and has to find a signal. A message can be lost.
	NotifyWork(ctx context.Context, ids []hook.EndpointID, polls bool) error
	// Signals reads the signals after those that were read before.
	Signals(ctx context.Context, before hook.SignalsRead) (list []hook.Signal, now hook.SignalsRead, err error)
	LastSignal(ctx context.Context) (hook.SignalsRead, error)
	// MustPoll reports whether notifications do not arrive, as behind a pooler.
	MustPoll(ctx context.Context) (bool, error)
	// Listen waits for notifications until ctx or the connection ends. It calls work for
	// endpoints that have some, changed when there are new signals, and missed when
	// notifications may have been lost.
	Listen(ctx context.Context, work func([]hook.EndpointID), changed, missed func()) error
	// Announce passes a change that another node committed on to all parts of this node
	// that watch for changes.
	Announce(c hook.Change)
}

// Worker makes the deliveries of this node.
type Worker interface {
	// TakeOver deals with what earlier owners of the endpoints were sending when they
	// stopped. It is called before this node owns the endpoints.
	TakeOver(ctx context.Context, which func(hook.EndpointID) bool) error
	// HandOver stops the work for endpoints that this node does not own any more. It
	// returns when no request to them is running and all results are stored.
	HandOver(ctx context.Context, which func(hook.EndpointID) bool) error
	// Working lists the endpoints for which the worker has anything in memory.
	Working() []hook.EndpointID
	// Abandon drops all work of earlier epochs at once.
	Abandon()
	// Nudge says that this node owns other endpoints than before.
	Nudge()
	// Wake says that an endpoint has work.
	Wake(id hook.EndpointID)
	// Supersede says that a newer snapshot has replaced deliveries.
	Supersede(list []hook.Delivery)
}

// Options of [New].
type Options struct {
	Store   Store
	Signals Signals
	// Name stays the same when this node is started again, so that it gets its slots back
	// at once. No two processes may have the same name at a time; "" is none.
	Name string
	Log  *slog.Logger
	// Watched is called after each heartbeat and each reading of signals. Its argument says
	// whether somebody, on any node, reads the stream of notices. It may be nil.
	Watched func(bool)
}

const (
	lease       = 8 * time.Second
	beatEvery   = 2 * time.Second
	pollEvery   = 900 * time.Millisecond // between looks for signals, if notifications do not arrive
	weighBeats  = 5                      // heartbeats between looks at how many endpoints each slot has
	freshFor    = time.Minute            // after this time signals are read even if there seem to be none
	giveTimeout = 10 * time.Minute       // for a handover; no request takes as long

	// Endpoints with work are gathered for notifyDelay, which is enough for those of one event,
	// and then announced together. The next announcement follows after notifyEvery at the
	// earliest, or after notifyPolling if each announcement writes a row for nodes that poll.
	notifyDelay   = time.Millisecond
	notifyEvery   = 10 * time.Millisecond
	notifyPolling = 200 * time.Millisecond

	arrangeTimeout = time.Minute // for taking and giving slots after one heartbeat
)

// Node is this process as one of the nodes. It is the worker's Owner.
type Node struct {
	Options
	worker Worker

	epoch  atomic.Int64
	mono   atomic.Int64 // end of the lease, as time since started; stands still while the machine sleeps
	wall   atomic.Int64 // end of the lease by the wall clock, in nanoseconds since 1970
	owned  [hook.Slots]atomic.Bool
	polls  atomic.Bool // the last heartbeat showed a node that gets no notifications
	others atomic.Bool // the last heartbeat showed other nodes
	// weighed is set when weights were read, and cleared when a change of the
	// configuration may have changed them.
	weighed atomic.Bool

	started  time.Time
	wallOf   func(now time.Time) int64 // the wall clock in nanoseconds since 1970; differs from now's only in tests
	mustPoll bool                      // notifications did not arrive when this node started
	// onTime is set after a heartbeat, and cleared when one fails or this node joins.
	onTime  bool
	giving  map[int]bool // slots that are being handed over
	given   chan handover
	weights [hook.Slots]int // active endpoints in each slot
	beats   int

	mu       sync.Mutex
	work     map[hook.EndpointID]struct{} // endpoints with work, to be announced to their owners
	hasWork  chan struct{}
	beatSoon chan struct{}
	leading  int           // how many functions run because this node leads
	led      chan struct{} // has a value after one of them has ended

	reading sync.Mutex // held while signals are read
	read    hook.SignalsRead
}

// handover is the end of a handover of slots, whether it worked or not.
type handover struct {
	epoch int64
	slots []int
}

// New makes a node that owns nothing until [Node.Start].
func New(o Options) *Node {
	if o.Watched == nil {
		o.Watched = func(bool) {}
	}
	return &Node{
		Options: o, started: time.Now(), wallOf: time.Time.UnixNano, giving: map[int]bool{}, given: make(chan handover, hook.Slots),
		work: map[hook.EndpointID]struct{}{}, hasWork: make(chan struct{}, 1),
		beatSoon: make(chan struct{}, 1), led: make(chan struct{}, 1),
	}
}

// Owns reports whether this node may send to the endpoint now.
func (n *Node) Owns(id hook.EndpointID) bool { return n.owned[id.Slot()].Load() && n.LeaseValid() }

// LeaseValid reports whether this node's lease still runs, so that no other node can have taken
// over. It asks two clocks. When a suspended process goes on, both show that the lease is over.
// When a machine wakes from sleep, only the wall clock does, because the monotonic clock stood
// still.
func (n *Node) LeaseValid() bool {
	now := time.Now()
	return int64(now.Sub(n.started)) < n.mono.Load() && n.wallOf(now) < n.wall.Load()
}

// Others reports whether there are other nodes.
func (n *Node) Others() bool { return n.others.Load() }

// Epoch is the number that this node got when it joined. The store refuses results with
// the epoch of a node that was taken over.
func (n *Node) Epoch() int64 { return n.epoch.Load() }

// Leads reports whether this node is the leading one, which does the work that only one node
// may do.
func (n *Node) Leads() bool { return n.owned[leader].Load() && n.LeaseValid() }

// Tell announces that an endpoint has work to the node that owns it. It does not wait for that.
func (n *Node) Tell(id hook.EndpointID) {
	n.mu.Lock()
	n.work[id] = struct{}{}
	n.mu.Unlock()
	signal(n.hasWork)
}

// signal puts a value into a channel of capacity 1, unless it has one already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Follow notes the newest signal, so that this node acts on all later changes by other nodes.
// Call it before reading anything from the database that stays in memory. Otherwise a change in
// between would be missed.
func (n *Node) Follow(ctx context.Context) (err error) {
	n.read, err = n.Signals.LastSignal(ctx)
	return err
}

// Start joins the other nodes and takes free slots. The worker gets work from then on.
// Call Start before [Node.Run].
func (n *Node) Start(ctx context.Context, w Worker) (err error) {
	n.worker = w
	if n.mustPoll, err = n.Signals.MustPoll(ctx); err != nil {
		return fmt.Errorf("cannot try whether notifications arrive: %w", err)
	}
	if n.mustPoll {
		n.Log.Info("notifications do not arrive on this connection, perhaps because of a pooler: polling instead")
	}
	if err := n.join(ctx); err != nil {
		return fmt.Errorf("cannot join the other nodes: %w", err)
	}
	return n.beat(ctx)
}

// Run sends heartbeats and passes signals on until ctx ends. The caller then stops the
// worker and calls [Node.Leave].
func (n *Node) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	parts.Go(func() { n.followSignals(ctx) })
	parts.Go(func() { n.notifyOwners(ctx) })
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			n.beatOrLog(ctx)
		case <-n.beatSoon:
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

// Leave gives all slots up. Call it when the worker has stopped.
func (n *Node) Leave(ctx context.Context) error {
	n.disownAll()
	return n.Store.Leave(ctx, n.epoch.Load())
}

// Keep renews the lease until ctx ends, while the worker finishes. No slots are taken or
// given any more.
func (n *Node) Keep(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		asked := time.Now()
		if _, err := n.Store.Heartbeat(ctx, n.epoch.Load(), lease); err == nil {
			n.renewed(asked)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// join makes this process a node.
func (n *Node) join(ctx context.Context) error {
	asked := time.Now()
	epoch, err := n.Store.Join(ctx, n.Name, lease, n.mustPoll)
	if err != nil {
		return err
	}
	n.epoch.Store(epoch)
	n.renewed(asked)
	n.onTime = false
	return nil
}

// renewed notes that the lease was renewed by a request made at asked; it runs from then.
func (n *Node) renewed(asked time.Time) {
	n.wall.Store(n.wallOf(asked) + int64(lease))
	n.mono.Store(int64(asked.Sub(n.started) + lease))
}

// disownAll makes this node own nothing.
func (n *Node) disownAll() {
	for i := range n.owned {
		n.owned[i].Store(false)
	}
}

func (n *Node) beatOrLog(ctx context.Context) {
	if err := n.beat(ctx); err != nil && ctx.Err() == nil {
		n.Log.Warn("cannot renew this node's lease, will try again", "error", err)
	}
}

// beat sends a heartbeat: it renews the lease, and takes and gives slots.
func (n *Node) beat(ctx context.Context) error {
	wasValid := n.LeaseValid()
	view, err := n.renew(ctx)
	if errors.Is(err, hook.ErrFenced) {
		return n.fenced(ctx)
	}
	if err != nil {
		n.onTime = false
		return err
	}
	if !wasValid {
		n.worker.Nudge()
	}
	n.polls.Store(view.Polls)
	n.others.Store(len(view.Alive) > 1)
	n.Watched(view.Signals.Watched)
	n.catchUp(ctx, view.Signals)
	// After an outage of the database all leases have expired. The other nodes get the
	// time of a heartbeat to renew theirs.
	onTime := n.onTime && wasValid
	n.onTime = true
	return n.whileRenewing(ctx, func(ctx context.Context) error { return n.arrange(ctx, view, onTime) })
}

// renew renews the lease. If the database does not answer in time, the lease counts as
// not renewed.
func (n *Node) renew(ctx context.Context) (*hook.Nodes, error) {
	ctx, cancel := context.WithTimeout(ctx, lease)
	defer cancel()
	asked := time.Now()
	view, err := n.Store.Heartbeat(ctx, n.epoch.Load(), lease)
	if err == nil {
		n.renewed(asked)
	}
	return view, err
}

// whileRenewing runs do and renews the lease meanwhile. do can wait long: for the lock
// that changes take, or for a query of a large table. If another node has taken over
// meanwhile, the next heartbeat finds that out.
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

// arrange takes and gives slots, after a heartbeat that showed view. onTime is false if
// the heartbeat before failed or came late.
func (n *Node) arrange(ctx context.Context, view *hook.Nodes, onTime bool) (err error) {
	if onTime && len(view.Expired) > 0 {
		n.Log.Warn("nodes have stopped renewing their leases, their work is taken over", "nodes", len(view.Expired))
		if err := n.Store.Evict(ctx, view.Expired); err != nil {
			return err
		}
		signal(n.beatSoon) // their slots are free now
		return nil
	}
	if n.beats++; n.beats%weighBeats == 1 && !n.weighed.Swap(true) {
		if n.weights, err = n.Store.Weights(ctx); err != nil {
			n.weighed.Store(false)
			return err
		}
	}
	// Slots that belong to this node in the database although it does not know so: the answer
	// to Take was lost.
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

// fenced drops all work and joins anew, after another node has taken over.
func (n *Node) fenced(ctx context.Context) error {
	n.Log.Warn("another node has taken over this node's work, joining anew")
	n.disownAll()
	n.epoch.Store(-1)
	n.worker.Abandon()
	clear(n.giving)
	if err := n.giveUpSharedName(ctx); err != nil {
		return err
	}
	if err := n.join(ctx); err != nil {
		return err
	}
	return n.beat(ctx)
}

// giveUpSharedName gives up the name of this node if another process uses the same one. The
// other process evicted this node as its own predecessor. If this node joined again under the
// name, it would evict the other, and so on without end.
func (n *Node) giveUpSharedName(ctx context.Context) error {
	if n.Name == "" {
		return nil
	}
	taken, err := n.Store.NameTaken(ctx, n.Name)
	if err == nil && taken {
		n.Log.Error("another server has the same name as this one: its data directory is a copy of this one's. " +
			"Stop one of the two, delete the file node.name in its directory and start it again. " +
			"Until then both go on, this one without a name")
		n.Name = ""
	}
	return err
}

// take takes those of the slots that are free.
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

// own begins to work for slots that the database says are this node's. Until then
// nobody works for them, and what is published to them is only stored. If own fails, the
// next heartbeat tries again.
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

// give begins to hand slots over. Slots without running requests are handed over together, each
// of the others by itself, so that no slot waits for the requests of another.
func (n *Node) give(ctx context.Context, slots []int) {
	epoch := n.epoch.Load()
	for _, s := range slots {
		n.owned[s].Store(false) // no new work for it begins from here on
		n.giving[s] = true
	}
	var busy [hook.Slots]bool
	for _, id := range n.worker.Working() {
		busy[id.Slot()] = true
	}
	busy[leader] = true // the functions that run because this node leads have to end first
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

// giveNow hands slots over and reports the end to [Node.Run].
func (n *Node) giveNow(ctx context.Context, epoch int64, slots []int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveTimeout)
	defer cancel()
	defer func() { n.given <- handover{epoch, slots} }()
	if err := n.worker.HandOver(ctx, slotSet(slots)); err != nil { // the next heartbeat makes this node own them again
		n.Log.Error("endpoints not handed over", "error", err)
		return
	}
	if slices.Contains(slots, leader) && !n.waitLed(ctx) {
		n.Log.Error("endpoints not handed over: what only the leading node does has not ended")
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

// slotSet returns a function that reports whether an endpoint is in one of the slots.
func slotSet(slots []int) func(hook.EndpointID) bool {
	var in [hook.Slots]bool
	for _, s := range slots {
		in[s] = true
	}
	return func(id hook.EndpointID) bool { return in[id.Slot()] }
}

// notifyOwners announces endpoints with work to the other nodes, until ctx ends.
func (n *Node) notifyOwners(ctx context.Context) {
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.hasWork:
		}
		every := notifyEvery
		if n.polls.Load() {
			every = notifyPolling
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(notifyDelay, every-time.Since(last))):
		}
		last = time.Now()
		n.mu.Lock()
		ids := make([]hook.EndpointID, 0, len(n.work))
		for id := range n.work {
			ids = append(ids, id)
		}
		clear(n.work)
		n.mu.Unlock()
		ids = slices.DeleteFunc(ids, n.Owns) // it may have become this node's meanwhile
		if err := n.Signals.NotifyWork(ctx, ids, n.polls.Load()); err != nil && ctx.Err() == nil {
			n.Log.Warn("other nodes were not notified of work, they will find it later", "error", err)
		}
	}
}

// followSignals acts on the signals of other nodes until ctx ends: as soon as they come
// or, if notifications do not arrive, when it polls. A heartbeat finds those it misses.
func (n *Node) followSignals(ctx context.Context) {
	if !n.mustPoll {
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

// listen acts on notifications until ctx ends, and begins anew when the connection breaks.
func (n *Node) listen(ctx context.Context) {
	for ctx.Err() == nil {
		read := func() { n.readSignals(ctx) }
		if err := n.Signals.Listen(ctx, n.wake, read, read); err != nil && ctx.Err() == nil {
			n.Log.Warn("notifications interrupted, listening again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// wake wakes the worker for those of the endpoints that this node owns.
func (n *Node) wake(ids []hook.EndpointID) {
	for _, id := range ids {
		if n.Owns(id) {
			n.worker.Wake(id)
		}
	}
}

// catchUp reads signals if a heartbeat showed ones that this node has not read, or if it
// has not read any for long.
func (n *Node) catchUp(ctx context.Context, now hook.SignalsRead) {
	n.reading.Lock()
	current := now.Number <= n.read.Number && now.At.Sub(n.read.At) < freshFor
	if current && now.At.After(n.read.At) {
		n.read.At = now.At
	}
	n.reading.Unlock()
	if !current {
		n.readSignals(ctx)
	}
}

// readSignals reads the signals after those that were read before, and acts on them.
func (n *Node) readSignals(ctx context.Context) {
	n.reading.Lock()
	defer n.reading.Unlock()
	list, now, err := n.Signals.Signals(ctx, n.read)
	if err != nil {
		if ctx.Err() == nil {
			n.Log.Warn("cannot read the signals of other nodes, will try again", "error", err)
		}
		return
	}
	n.read = now
	n.Watched(now.Watched)
	for _, s := range list {
		switch {
		case s.Work:
			n.wake([]hook.EndpointID{s.Endpoint})
		case s.Superseded != hook.DeliveryID{}:
			n.worker.Supersede([]hook.Delivery{{ID: s.Superseded, Endpoint: s.Endpoint}})
		default:
			n.weighed.Store(false)
			n.Signals.Announce(s.Change)
		}
	}
}

// leader is the slot whose owner is the leading node.
const leader = 0

// WhileLeading runs, until ctx ends, a function that only one node may run. It calls run
// when this node begins to lead, and ends its context when this node leads no more. The
// next node does not lead before run has returned. An error of run ends WhileLeading.
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

// beginLeading counts one more function that runs because this node leads, if it does.
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

// waitLed waits until nothing runs any more because this node led. It is false if ctx
// ends first.
func (n *Node) waitLed(ctx context.Context) bool {
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

// lead calls run and stops it when this node leads no more.
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
