// Package schedule runs schedules: events that contracts make of the records
// there are, every so often. It exists apart from ingest because it has a clock
// and claims of its own; what it makes goes in through the same door as all else.
//
// It promises:
//
//   - A schedule is durable, and each run is made by one node. The event of a run
//     and the clock that moves on are one commit, so a crash at any moment neither
//     loses a run nor doubles one.
//   - It begins one interval after a tenant has its first active endpoint of the
//     contract, and rests while it has none. After downtime it runs once, not once
//     for each time it missed.
//   - A run holds no more than its payload, which the contract bounds, and one
//     record. One that fails says so, in the log and in what is kept of it,
//     and the next one comes at its time.
//   - When there is a newer snapshot, an older one that has not arrived is not sent
//     any more.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Store is what schedules need of the database. Its clock is the one that all
// nodes share.
type Store interface {
	// Schedules are those of a tenant, or of all if it is "".
	Schedules(ctx context.Context, tenant string) ([]hook.Schedule, error)
	// ActiveSince says for each tenant with active endpoints of a contract since
	// when it has them; for one tenant, or for all if it is "".
	ActiveSince(ctx context.Context, contract, tenant string) (map[string]time.Time, error)
	// ArrangeSchedules stores rhythm, start and next run.
	ArrangeSchedules(ctx context.Context, list []hook.Schedule) error

	// ClaimSchedules takes up to n that are due, for as long as the lease says.
	ClaimSchedules(ctx context.Context, node string, lease time.Duration, n int) (list []hook.Schedule, now time.Time, err error)
	// NextSchedule is how long until one can be claimed, and false if there is none.
	NextSchedule(ctx context.Context) (wait time.Duration, ok bool, err error)
	// ReleaseSchedule gives a claim up; it can be claimed again after a while.
	ReleaseSchedule(ctx context.Context, s hook.Schedule, after time.Duration) error
	// TakeOverSchedules ends the claims of an earlier process of the node.
	TakeOverSchedules(ctx context.Context, node string) error

	// EachRecord calls fn with each record of a kind, by key, as they all were at
	// one moment; one at a time is in memory.
	EachRecord(ctx context.Context, tenant, contract, kind string, fn func(hook.Record) error) error
}

// Accepter takes in what a run came to.
type Accepter interface {
	// Takes reports whether an endpoint takes events of the type.
	Takes(ctx context.Context, name hook.ScheduleName) (bool, error)
	// EndRun commits the end of a run with its event; payload is nil if there is
	// none. If the run has lost its claim, nothing was stored.
	EndRun(ctx context.Context, end hook.RunEnd, payload []byte) (hook.RunVerdict, error)
}

// Options of [New].
type Options struct {
	Store     Store
	Accepter  Accepter
	Contracts *contract.Set
	Node      string // name of this node, the same after a restart
	Log       *slog.Logger
}

// Scheduler runs schedules. Its methods may be called from any goroutine.
type Scheduler struct {
	Options
	wake  chan struct{}
	slots chan struct{} // a token for each run under way

	mu      sync.Mutex
	changed map[string]bool // tenants whose endpoints changed; "" for all
}

const (
	runsAtOnce = 2                // of this node: each may hold a payload of many MiB
	lease      = 10 * time.Minute // a run that takes longer has failed
	lookEvery  = 30 * time.Second // for what other nodes arranged
	retryAfter = 10 * time.Second // after trouble with the database
)

// New makes a Scheduler. It does nothing until [Scheduler.Run].
func New(o Options) *Scheduler {
	return &Scheduler{Options: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, runsAtOnce), changed: map[string]bool{"": true}}
}

// Changed tells that configuration was committed: which endpoints there are, or
// what a contract says.
func (s *Scheduler) Changed(c hook.Change) {
	if c.Tenant == "" && c.Contract == "" && !c.Anything { // a key
		return
	}
	s.mu.Lock()
	s.changed[c.Tenant] = true
	s.mu.Unlock()
	s.signal()
}

func (s *Scheduler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run runs what comes due until ctx ends, then interrupts what is under way and
// returns; an interrupted run is made again.
func (s *Scheduler) Run(ctx context.Context) error {
	var runs sync.WaitGroup
	defer runs.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	tookOver := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		var err error
		if !tookOver {
			err = s.Store.TakeOverSchedules(ctx, s.Node)
			tookOver = err == nil
		}
		wait := retryAfter
		if err == nil {
			err = s.arrange(ctx)
		}
		if err == nil {
			wait, err = s.start(ctx, &runs)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("schedules cannot be read, will try again", "error", err)
			wait = retryAfter
		}
		timer.Reset(wait)
	}
}

// start claims what is due and runs it, as far as there are free slots, and says
// when to look again.
func (s *Scheduler) start(ctx context.Context, runs *sync.WaitGroup) (wait time.Duration, err error) {
	free := 0
	for free < runsAtOnce && s.enter() {
		free++
	}
	defer func() {
		for range free {
			<-s.slots
		}
	}()
	if free == 0 {
		return lookEvery, nil // the end of a run wakes us
	}
	if wait, any, err := s.Store.NextSchedule(ctx); err != nil || !any || wait > 0 { // a look costs less than a claim
		return within(wait, any), err
	}
	due, now, err := s.Store.ClaimSchedules(ctx, s.Node, lease, free)
	if err != nil {
		return 0, err
	}
	for _, one := range due {
		free-- // its slot goes to the run
		runs.Go(func() {
			defer s.signal()
			defer func() { <-s.slots }()
			s.scheduled(ctx, one, now)
		})
	}
	if len(due) > 0 && free == 0 {
		return lookEvery, nil
	}
	next, any, err := s.Store.NextSchedule(ctx)
	return within(next, any), err
}

// within is when to look again if something can be claimed after a while, or nothing.
func within(wait time.Duration, any bool) time.Duration {
	if !any {
		return lookEvery
	}
	return min(max(wait, time.Millisecond), lookEvery)
}

func (s *Scheduler) enter() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// scheduled makes a run that came due.
func (s *Scheduler) scheduled(ctx context.Context, one hook.Schedule, now time.Time) {
	c, e, ok := s.find(one.ScheduleName)
	if !ok { // the contract has changed; arranging sees to it
		s.release(ctx, one, nil)
		return
	}
	end := hook.RunEnd{ScheduleName: one.ScheduleName, Claim: one.Claim, Run: hook.ScheduleRun{At: now}}
	if now.Before(one.NextAt) { // the clock was put back
		now = one.NextAt
	}
	end.NextAt = e.Schedule.Next(one.Start, now)
	limited, cancel := context.WithTimeoutCause(ctx, lease-time.Minute, errTooSlow)
	defer cancel()
	v, err := s.run(limited, c, e, end)
	if err != nil {
		s.release(ctx, one, err)
		return
	}
	if v.ClaimLost {
		s.Log.Warn("a run of a schedule took so long that another node took it over", attrs(one.ScheduleName)...)
		return
	}
	s.report(one.ScheduleName, &v.Run)
}

var errTooSlow = errors.New("the run took too long")

// release gives up a run that nothing came of, for reasons that are not its own.
func (s *Scheduler) release(ctx context.Context, one hook.Schedule, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.Error("a run of a schedule was interrupted, will try again", append(attrs(one.ScheduleName), "error", err)...)
	}
	after := retryAfter
	if ctx.Err() != nil {
		after = 0
	}
	if err := s.Store.ReleaseSchedule(context.WithoutCancel(ctx), one, after); err != nil {
		s.Log.Warn("the claim of a schedule was not given up; it ends by itself", append(attrs(one.ScheduleName), "error", err)...)
	}
}

func attrs(n hook.ScheduleName) []any {
	return []any{"tenant", n.Tenant, "contract", n.Contract, "type", n.Type}
}

// report logs what a run came to.
func (s *Scheduler) report(name hook.ScheduleName, r *hook.ScheduleRun) {
	args := append(attrs(name), "state", r.State, "records", r.Records, "examined", r.Examined, "bytes", r.Bytes, "took", r.Took)
	switch {
	case r.State == hook.RunFailed:
		s.Log.Error("a schedule failed", append(args, "code", r.Code, "detail", r.Detail)...)
	case r.LeftOut > 0: // what they say may tell of documents, so it is for the tenant only
		s.Log.Warn("a schedule left records out", append(args, "left_out", r.LeftOut)...)
	default:
		s.Log.Debug("a schedule ran", append(args, "code", r.Code)...)
	}
}

// find is the contract of a schedule and its event type.
func (s *Scheduler) find(n hook.ScheduleName) (*contract.Contract, contract.EventType, bool) {
	c, ok := s.Contracts.Lookup(n.Contract)
	if !ok {
		return nil, contract.EventType{}, false
	}
	i := slices.IndexFunc(c.Scheduled(), func(e contract.EventType) bool { return e.Name == n.Type })
	if i < 0 {
		return nil, contract.EventType{}, false
	}
	return c, c.Scheduled()[i], true
}

// RunNow makes a run at once, whether it is due or not, and does not move the
// clock. An error means that no run was made.
func (s *Scheduler) RunNow(ctx context.Context, name hook.ScheduleName) (*hook.ScheduleRun, error) {
	c, e, ok := s.find(name)
	if !ok {
		return nil, hook.NotFound("schedule", name.Contract+"/"+name.Type)
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer s.signal()
	defer func() { <-s.slots }()
	end := hook.RunEnd{ScheduleName: name, Run: hook.ScheduleRun{At: time.Now().UTC(), Manual: true}}
	limited, cancel := context.WithTimeoutCause(ctx, lease-time.Minute, errTooSlow)
	defer cancel()
	v, err := s.run(limited, c, e, end)
	if err != nil {
		return nil, err
	}
	s.report(name, &v.Run)
	return &v.Run, nil
}

// maxExamples bounds the records that a run names as left out.
const maxExamples = 20

// run makes one run and commits what it came to. An error is not the run's fault:
// nothing was stored.
func (s *Scheduler) run(ctx context.Context, c *contract.Contract, e contract.EventType, end hook.RunEnd) (hook.RunVerdict, error) {
	began := time.Now()
	r := &end.Run
	payload, err := s.snapshot(ctx, c, e, end.ScheduleName, r)
	switch tooLarge, is := errors.AsType[*contract.ErrTooLarge](err); {
	case is:
		r.State, r.Code = hook.RunFailed, hook.RunTooLarge
		r.Detail = fmt.Sprintf("The records make a payload of more than %d bytes, which is as much as the contract allows (max_body). Narrow the condition, or raise the limit.", tooLarge.Limit)
	case err != nil && errors.Is(context.Cause(ctx), errTooSlow):
		r.State, r.Code, r.Detail = hook.RunFailed, hook.RunTooSlow, "The records could not be read in time. Keep fewer of them, or make the condition simpler."
	case err != nil:
		return hook.RunVerdict{}, err
	}
	r.Took = time.Since(began)
	return s.Accepter.EndRun(context.WithoutCancel(ctx), end, payload)
}

// snapshot gathers the payload of a run, nil if it makes no event, and notes in r what
// it came to.
func (s *Scheduler) snapshot(ctx context.Context, c *contract.Contract, e contract.EventType, name hook.ScheduleName, r *hook.ScheduleRun) ([]byte, error) {
	skip := func(code, detail string) { r.State, r.Code, r.Detail = hook.RunSkipped, code, detail }
	taken, err := s.Accepter.Takes(ctx, name)
	if err != nil {
		return nil, err
	}
	if !taken {
		skip(hook.RunNoEndpoint, "No endpoint takes events of this type, so none was made.")
		return nil, nil
	}
	snap, ok := c.NewSnapshot(e.Name)
	if !ok {
		return nil, hook.NotFound("schedule", e.Name)
	}
	polite := newPace()
	err = s.Store.EachRecord(ctx, name.Tenant, c.Name, e.Schedule.Select, func(record hook.Record) error {
		if err := polite.rest(ctx, r.Examined); err != nil {
			return err
		}
		r.Examined++
		_, err := snap.Add(record.Document)
		trouble, is := errors.AsType[*contract.Trouble](err)
		if !is {
			return err
		}
		r.LeftOut++
		if len(r.Examples) < maxExamples {
			r.Examples = append(r.Examples, hook.LeftOut{Key: record.Key, Detail: trouble.Detail})
		}
		return nil
	})
	r.Records = snap.Len()
	if err != nil {
		return nil, err
	}
	if r.Records == 0 {
		skip(hook.RunNothing, "No record satisfies the condition, so there was nothing to send.")
		return nil, nil
	}
	payload := snap.Payload()
	r.State, r.Bytes = hook.RunSent, len(payload)
	return payload, nil
}

// A run is in no hurry, and the deliveries beside it are: it works for a while,
// then rests for a while, so that it takes less than half of one core.
const (
	workFor    = 2 * time.Millisecond
	restFor    = 3 * time.Millisecond
	restsAfter = 32 // records, at the earliest: looking at the clock costs too
)

type pace struct {
	since time.Time // of the present work
	timer *time.Timer
}

func newPace() *pace {
	p := &pace{since: time.Now(), timer: time.NewTimer(0)}
	<-p.timer.C
	return p
}

// rest waits if it is time to, after so many records.
func (p *pace) rest(ctx context.Context, records int) error {
	if records%restsAfter != 0 || time.Since(p.since) < workFor {
		return nil
	}
	p.timer.Reset(restFor)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.timer.C:
	}
	p.since = time.Now()
	return nil
}
