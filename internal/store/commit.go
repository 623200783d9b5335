package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"gancho/internal/hook"
)

// Group commit. Callers add operations to the batch that gathers. One goroutine takes
// the whole batch, writes it in one transaction with one sync, and answers all callers.
// Meanwhile the next batch gathers, so batches grow with the load, and a single caller
// waits for nobody.
//
// An operation is eager if somebody waits for it (an event is accepted, the API changes
// something, an intent, a result that the next delivery of an ordered endpoint waits for), or
// lazy if nobody does (any other result of an attempt). A lazy one is written with the next eager
// one, or after lazyDelay. So an event and its result need one sync instead of two if another
// event follows soon.

const (
	lazyDelay = 5 * time.Millisecond
	// markDelay is how long a lazy mark waits before it is written. Most attempts are
	// over by then; their results make the marks superfluous.
	markDelay = 20 * time.Millisecond
	// gatherDelay is the longest that a batch waits until it has as many callers as the
	// batch before. Callers that were answered together come back together; one commit for
	// all of them is cheaper than one for the first few and another for the rest.
	gatherDelay = 2 * time.Millisecond
	gatherFrom  = 4 // a batch waits if the one before had at least so many callers
	// slowCommit is how long a commit may take before it is logged as slow.
	slowCommit = 500 * time.Millisecond
	// lazyLimit is how many rows are committed at once even if all are lazy.
	lazyLimit = 256
	// gatheringLimit bounds what waits in memory while the database is slow. Beyond it,
	// submissions are refused, which the API answers with 503.
	gatheringLimit      = 100_000  // rows
	gatheringLimitBytes = 64 << 20 // of payload
)

// batch is what one transaction writes.
type batch struct {
	submissions []*submission
	marks       []*mark
	results     []*result
	changes     []*change
	health      map[hook.EndpointID]hook.Health // the newest of each endpoint
}

// mark stores that a delivery is being sent.
type mark struct {
	hook.Result
	frozen *sealedRequest
	others int // how many marks after this one in the list are stored with it, or not at all
	err    error
	done   chan struct{} // nil: nobody waits
}

// noted sets the result of a mark. If it was not stored, the delivery must not be sent.
func (m *mark) noted(stored bool) {
	if m.err = nil; !stored {
		m.err = hook.ErrNotWaiting
	}
}

// youngMark is a lazy mark that is not old enough to be written.
type youngMark struct {
	mark  *mark
	since time.Time
}

// result is the result of an attempt.
type result struct {
	hook.Result
	ifSuperseded *hook.Delivery // what to store instead if the row is superseded; nil: the same
	frozen       *sealedRequest
	data         []byte // its attempt, encoded
	others       int    // how many results after this one in the list are stored with it, or not at all
	err          error
	done         func(error) // nil: the one for which this is another tells
}

// change is any other write: configuration, clean-up. In a batch it runs under a
// savepoint, so that an error undoes the change and nothing else.
type change struct {
	run     func(*tx) error
	within  time.Duration   // how long it may take with PostgreSQL; 0: changeTimeout
	tenants map[string]bool // those it deleted (true) or created (false)
	err     error
	done    chan struct{}
}

func (b *batch) size() int {
	n := len(b.marks) + len(b.results) + len(b.changes) + len(b.health)
	for _, s := range b.submissions {
		n += rowsOf(&s.Submission)
	}
	return n
}

func (b *batch) empty() bool { return b.size() == 0 && len(b.submissions) == 0 }

// fail sets err as the result of every operation.
func (b *batch) fail(err error) {
	for _, s := range b.submissions {
		s.err = err
	}
	for _, m := range b.marks {
		m.err = err
	}
	for _, r := range b.results {
		r.err = err
	}
	for _, c := range b.changes {
		c.err = err
	}
}

// each splits the batch into batches of one operation, in order. The members of a batch of deliveries are one.
func (b *batch) each(do func(*batch)) {
	for _, s := range b.submissions {
		do(&batch{submissions: []*submission{s}})
	}
	for list := b.marks; len(list) > 0; {
		n := 1 + list[0].others
		do(&batch{marks: list[:n:n]})
		list = list[n:]
	}
	for list := b.results; len(list) > 0; {
		n := 1 + list[0].others
		do(&batch{results: list[:n:n]})
		list = list[n:]
	}
	for _, c := range b.changes {
		do(&batch{changes: []*change{c}})
	}
	if len(b.health) > 0 {
		do(&batch{health: b.health})
	}
}

// answer wakes everybody who waits for an operation of the batch. Results come first: an ordered
// endpoint sends nothing while it waits for one, and would have to wait behind all publishers that
// are woken before it.
func (b *batch) answer() {
	for _, r := range b.results {
		if r.done != nil {
			r.done(r.err)
		}
	}
	for _, s := range b.submissions {
		close(s.done)
	}
	for _, m := range b.marks {
		if m.done != nil {
			close(m.done)
		}
	}
	for _, c := range b.changes {
		close(c.done)
	}
}

// gathering is the next batch while callers add to it.
type gathering struct {
	mu     sync.Mutex
	next   *batch
	size   int // rows in next
	bytes  int // of payload in next
	crowd  int // callers that wait for next
	young  map[hook.DeliveryID]youngMark
	closed bool
	eager  chan struct{} // an operation somebody waits for, or lazyLimit reached
	lazy   chan struct{} // a first lazy operation
}

func newGathering() *gathering {
	return &gathering{
		next: &batch{}, young: map[hook.DeliveryID]youngMark{}, eager: make(chan struct{}, 1), lazy: make(chan struct{}, 1),
	}
}

var errStopped = hook.Unavailable(errors.New("the store has stopped"))

// add puts an operation of n rows into the next batch. A bounded operation is refused
// while too much waits, unless nothing waits.
func (g *gathering) add(n, bytes int, eager, bounded bool, put func(*batch)) error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errStopped
	}
	if bounded && g.size > 0 && (g.size+n > gatheringLimit || g.bytes+bytes > gatheringLimitBytes) {
		g.mu.Unlock()
		return hook.Unavailable(errors.New("commit queue is full"))
	}
	put(g.next)
	g.size += n
	g.bytes += bytes
	if eager {
		g.crowd++
	}
	full := g.size >= lazyLimit
	g.mu.Unlock()
	if eager || full {
		signal(g.eager)
	} else {
		signal(g.lazy)
	}
	return nil
}

// take returns the batch to commit now. later reports whether young marks are left, for
// which it has to be called again after markDelay.
func (g *gathering) take(now time.Time) (b *batch, later bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b = g.next
	g.next, g.size, g.bytes, g.crowd = &batch{}, 0, 0, 0
	for id, y := range g.young {
		if now.Sub(y.since) >= markDelay || g.closed {
			b.marks = append(b.marks, y.mark)
			delete(g.young, id)
		}
	}
	return b, len(g.young) > 0
}

// gather waits at most gatherDelay for as many callers as the last batch had, and returns
// how many wait now.
func (g *gathering) gather(last int) int {
	waiting := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.crowd
	}
	n := waiting()
	if last < gatherFrom || n >= last {
		return n
	}
	enough := time.NewTimer(gatherDelay)
	defer enough.Stop()
	for n < last {
		select {
		case <-g.eager:
			n = waiting()
		case <-enough.C:
			return waiting()
		}
	}
	return n
}

func (g *gathering) stopped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

func (g *gathering) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// runCommits is the writing goroutine.
func (db *DB) runCommits(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	crowd := 0     // of the last batch
	armed := false // set when the timer is started, cleared by a commit that leaves no young marks
	for {
		select {
		case <-db.gathering.eager:
			crowd = db.gathering.gather(crowd)
		case <-timer.C:
		case <-db.gathering.lazy:
			if !armed { // starting it anew for each operation would postpone it forever
				armed = true
				timer.Reset(lazyDelay)
			}
			continue
		case <-ctx.Done():
			db.gathering.close()
			b, _ := db.gathering.take(time.Now())
			db.commit(b)
			return
		}
		timer.Stop()
		b, later := db.gathering.take(time.Now())
		db.commit(b)
		if armed = later; later {
			timer.Reset(markDelay)
		}
	}
}

// commit writes a batch and answers its callers. If an operation makes the transaction
// fail, each operation gets a transaction of its own, so that only that one fails.
func (db *DB) commit(b *batch) {
	if b.empty() {
		return
	}
	start := time.Now()
	err := db.engine.commit(b)
	if took := time.Since(start); took > slowCommit {
		db.log.Warn("the disk is slow: a commit took long", "took", took, "operations", b.size())
	}
	db.commits.Add(1)
	if err != nil {
		if db.engine.transient(err) || b.size() <= 1 {
			db.log.Error("commit failed, nothing of it was stored", "operations", b.size(), "error", err)
			b.fail(hook.Unavailable(err))
		} else {
			db.log.Warn("commit failed, writing its operations one by one", "operations", b.size(), "error", err)
			db.commitEach(b)
		}
	}
	b.answer()
}

// Commits is how many batches this process has written since it started: each is one transaction
// and one sync, whatever the number of operations in it.
func (db *DB) Commits() int64 { return db.commits.Load() }

// commitEach writes each operation of a batch in a transaction of its own.
func (db *DB) commitEach(b *batch) {
	b.each(func(one *batch) {
		if err := db.engine.commit(one); err != nil {
			db.log.Error("operation failed, nothing of it was stored", "error", err)
			one.fail(hook.Unavailable(err))
		}
	})
}

// Sending stores soon that a delivery is being sent. If the process ends before the
// result is stored, the next start finds the delivery as interrupted. It is not stored if
// the result comes within markDelay. Errors are not reported: without the mark, the
// delivery is found as waiting.
func (db *DB) Sending(r hook.Result) {
	m := &mark{Result: r, frozen: db.seal.sealRequest(r.Frozen, r.Delivery.ID)}
	g := db.gathering
	g.mu.Lock()
	g.young[r.Delivery.ID] = youngMark{m, time.Now()}
	first := len(g.young) == 1
	g.mu.Unlock()
	if first {
		signal(g.lazy)
	}
}

// Intend stores that a delivery is being sent, and returns when that is durable. A delivery
// that is to be sent at most once is sent only after Intend has returned nil. It fails with
// [hook.ErrNotWaiting] if the delivery has ended or was superseded; for the members of a batch,
// the error is [hook.NotWaiting].
func (db *DB) Intend(r hook.Result) error {
	m := &mark{Result: r, frozen: db.seal.sealRequest(r.Frozen, r.Delivery.ID), others: len(r.Others), done: make(chan struct{})}
	marks := append(make([]*mark, 0, 1+len(r.Others)), m)
	for _, other := range r.Others {
		other.Epoch = r.Epoch
		marks = append(marks, &mark{Result: other, frozen: db.seal.sealRequest(other.Frozen, other.Delivery.ID)})
	}
	if err := db.gathering.add(len(marks), 0, true, false, func(b *batch) { b.marks = append(b.marks, marks...) }); err != nil {
		return err
	}
	<-m.done
	if len(marks) == 1 {
		return m.err
	}
	var gone hook.NotWaiting
	for _, m := range marks {
		if errors.Is(m.err, hook.ErrNotWaiting) {
			gone = append(gone, m.Delivery.ID)
		} else if m.err != nil {
			return m.err
		}
	}
	if gone != nil {
		return gone
	}
	return nil
}

// SaveResult stores the result of an attempt soon, or at once if it is awaited. Then it calls done
// on the committing goroutine, so done must be quick. After an error nothing was stored, and SaveResult may
// be called again with the same result.
func (db *DB) SaveResult(r hook.Result, done func(error)) {
	first := db.encoded(r)
	first.done, first.others = done, len(r.Others)
	var others []*result
	for _, other := range r.Others {
		other.Epoch = r.Epoch
		others = append(others, db.encoded(other))
	}
	if err := db.gathering.add(1+len(others), 0, false, false, func(b *batch) {
		delete(db.gathering.young, r.Delivery.ID) // the sending is over
		b.results = append(append(b.results, first), others...)
	}); err != nil {
		done(err)
		return
	}
	if r.Awaited {
		signal(db.gathering.eager)
	}
}

// encoded is a result as it is written. It is encoded on the caller's goroutine, since all wait for the committing one.
func (db *DB) encoded(r hook.Result) *result {
	res := &result{Result: r, ifSuperseded: ifSuperseded(r.Delivery, db.now()), frozen: db.seal.sealRequest(r.Frozen, r.Delivery.ID)}
	if r.Attempt != nil {
		res.data = db.seal.encodeAttempt(r.Attempt)
	}
	return res
}

// SaveHealth stores the health of an endpoint soon. Errors are not reported: the next call
// stores a newer state.
func (db *DB) SaveHealth(id hook.EndpointID, h hook.Health) {
	_ = db.gathering.add(1, 0, false, false, func(b *batch) {
		if b.health == nil {
			b.health = map[hook.EndpointID]hook.Health{}
		}
		b.health[id] = h
	})
}

// change runs fn in a transaction, which with SQLite is that of a batch. An error of fn
// undoes what fn did, and is returned as it is.
func (db *DB) change(ctx context.Context, fn func(*tx) error) error {
	return db.changeWithin(ctx, 0, fn)
}

// changeWithin is change for a transaction that may take as long as within with PostgreSQL. The changes of all other
// nodes wait for it.
func (db *DB) changeWithin(ctx context.Context, within time.Duration, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	actor := hook.ActorOf(ctx)
	once := hook.OnceOf(ctx)
	if once != nil && once.Claimed {
		once = nil
	}
	c := &change{run: func(t *tx) error {
		t.actor = actor
		if once != nil {
			if err := t.claimOnce(once, db.now()); err != nil {
				return err
			}
		}
		return fn(t)
	}, within: within, done: make(chan struct{})}
	if db.gathering.stopped() {
		return errStopped
	}
	var err error
	if db.engine.change(c) {
		err = storageError(c.err)
	} else {
		err = db.inBatch(c)
	}
	if once != nil && err == nil {
		once.Claimed = true
	}
	return err
}

// inBatch puts a change into a batch and waits for it.
func (db *DB) inBatch(c *change) error {
	if err := db.gathering.add(1, 0, true, false, func(b *batch) { b.changes = append(b.changes, c) }); err != nil {
		return err
	}
	<-c.done
	return storageError(c.err)
}

// watchers are called after each committed change of configuration, or move of a delivery, before the caller of
// the change is answered.
type watchers struct {
	mu    sync.Mutex
	fns   []func(hook.Change)
	moves []func(was, now *hook.Delivery)
}

// WatchMoves calls fn for each delivery that a person or a bulk replay moved to another state, after the commit: one that is
// sent again, skipped or cancelled. fn must be quick and must not call the store. Call it before [DB.Run].
func (db *DB) WatchMoves(fn func(was, now *hook.Delivery)) {
	db.watch.mu.Lock()
	defer db.watch.mu.Unlock()
	db.watch.moves = append(db.watch.moves, fn)
}

// move is what became of a delivery.
type move struct{ was, now hook.Delivery }

// moved calls the watchers after moves were committed.
func (db *DB) moved(list ...move) {
	db.watch.mu.Lock()
	fns := db.watch.moves
	db.watch.mu.Unlock()
	for i := range list {
		for _, fn := range fns {
			fn(&list[i].was, &list[i].now)
		}
	}
}

// Watch calls fn after each committed change of configuration. fn must be
// quick and must not call the store. Call it before [DB.Run].
func (db *DB) Watch(fn func(hook.Change)) {
	db.watch.mu.Lock()
	defer db.watch.mu.Unlock()
	db.watch.fns = append(db.watch.fns, fn)
}

// changed calls the watchers after a change was committed.
func (db *DB) changed(c hook.Change) {
	db.watch.mu.Lock()
	fns := db.watch.fns
	db.watch.mu.Unlock()
	for _, fn := range fns {
		fn(c)
	}
}
