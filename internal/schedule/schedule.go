// Package schedule makes snapshot events at the times that contracts give. A snapshot has all
// records of a tenant that satisfy a condition. Package ingest accepts the event of a run like
// any other.
//
// A node claims a schedule that is due, reads the records, and commits the end of the run. A
// claim ends by itself after ten minutes, so that another node can make the run if this one
// is gone.
//
// It promises:
//
//   - Each run is made once, by one node. Its event and the time of the next run are one
//     commit, so a crash at any moment neither loses a run nor repeats one.
//   - The first run comes one interval after a tenant has its first active endpoint of the
//     contract. While the tenant has none, nothing runs. After downtime a schedule runs once,
//     not once for each run that was missed.
//   - If a clock goes ahead and is put back, runs come at their times again within about an hour, and none is made twice.
//   - A run keeps only its payload, which the contract bounds, and one record in memory. A run
//     that fails is logged and stored as failed; the next one comes at its time.
//   - A newer snapshot supersedes an older one that has not been delivered.
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
	"gancho/internal/work"
)

// Store is what the scheduler needs of the database, whose clock all nodes share.
type Store interface {
	// Schedules lists the schedules of a tenant, or of all tenants if it is "".
	Schedules(ctx context.Context, tenant string) ([]hook.Schedule, error)
	// ActiveSince says, for each tenant that has active endpoints of a contract, since
	// when it has any. It looks at one tenant, or at all if tenant is "".
	ActiveSince(ctx context.Context, contract, tenant string) (map[string]time.Time, error)
	// ArrangeSchedules stores rhythm, start and next run of schedules.
	ArrangeSchedules(ctx context.Context, list []hook.Schedule) error

	// ClaimSchedules claims up to n schedules that are due, for the time of the lease. now
	// is the time of the database.
	ClaimSchedules(ctx context.Context, node string, lease time.Duration, n int) (
		list []hook.Schedule, now time.Time, err error)
	// NextSchedule returns how long it takes until a schedule can be claimed; ok is false if
	// there are no schedules.
	NextSchedule(ctx context.Context) (wait time.Duration, ok bool, err error)
	// ReleaseSchedule gives a claim up. The schedule can be claimed again after a while.
	ReleaseSchedule(ctx context.Context, s hook.Schedule, after time.Duration) error
	// TakeOverSchedules ends the claims of an earlier process of this node.
	TakeOverSchedules(ctx context.Context, node string) error

	// EachRecord calls fn with each record of a kind, in the order of their keys. All records
	// are as they were at one moment. Only one of them is in memory at a time.
	EachRecord(ctx context.Context, tenant, contract, kind string, fn func(hook.Record) error) error
}

// Accepter accepts the events of runs.
type Accepter interface {
	// Takes reports whether the tenant has an endpoint that takes events of the type.
	Takes(ctx context.Context, name hook.ScheduleName) (bool, error)
	// EndRun commits the end of a run with its event. payload is nil if the run made no
	// event. If another node has claimed the schedule meanwhile, nothing is stored and the
	// verdict says so.
	EndRun(ctx context.Context, end hook.RunEnd, payload []byte) (hook.RunVerdict, error)
}

// Options of [New].
type Options struct {
	Store     Store
	Accepter  Accepter
	Contracts *contract.Set
	Node      string // name of this node, the same after a restart
	Log       *slog.Logger
	// Work is what the conditions and templates of one run may cost, in units of package work; 0: [DefaultWork].
	Work int64
}

// DefaultWork is about a minute.
const DefaultWork = 500_000_000

// Scheduler runs schedules. Its methods may be called from any goroutine.
type Scheduler struct {
	Options
	wake  chan struct{} // has a value while Run has to look at once
	slots chan struct{} // has a value for each run that is being made

	mu      sync.Mutex
	changed map[string]bool // tenants whose endpoints changed since schedules were arranged; "" for all
}

const (
	runsAtOnce = 2                // on one node; each may have a payload of many MiB in memory
	lease      = 10 * time.Minute // a run fails if it takes a minute less
	pollEvery  = 30 * time.Second // to find what other nodes arranged
	retryAfter = 10 * time.Second // after an error of the database
	// arrangeEvery is how often the schedules of all tenants are arranged although nothing is known to have changed: a
	// clock may have been put back.
	arrangeEvery = time.Hour
)

// New makes a Scheduler. It does nothing until [Scheduler.Run].
func New(o Options) *Scheduler {
	if o.Work <= 0 {
		o.Work = DefaultWork
	}
	return &Scheduler{
		Options: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, runsAtOnce),
		changed: map[string]bool{"": true},
	}
}

// Changed says that a change of the configuration was committed. It may add or end schedules,
// so Run arranges them again. Changed does not wait for that.
func (s *Scheduler) Changed(c hook.Change) {
	if c.Tenant == "" && c.Contract == "" && !c.Anything { // only an API key changed
		return
	}
	s.mu.Lock()
	s.changed[c.Tenant] = true
	s.mu.Unlock()
	s.signal()
}

// signal makes Run look at once.
func (s *Scheduler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run makes the runs that come due until ctx ends. It then interrupts those that are being
// made and returns. They are made again later.
func (s *Scheduler) Run(ctx context.Context) error {
	var runs sync.WaitGroup
	defer runs.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	tookOver := false
	arranged := time.Now() // when those of all tenants were
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
		if time.Since(arranged) >= arrangeEvery {
			arranged = time.Now()
			s.mu.Lock()
			s.changed[""] = true
			s.mu.Unlock()
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

// start claims schedules that are due and starts their runs, as many as there are free
// slots. wait is when to look again.
func (s *Scheduler) start(ctx context.Context, runs *sync.WaitGroup) (wait time.Duration, err error) {
	free := 0
	for free < runsAtOnce && s.takeSlot() {
		free++
	}
	defer func() {
		for range free {
			<-s.slots
		}
	}()
	if free == 0 {
		return pollEvery, nil // the end of a run signals
	}
	// This query costs less than an attempt to claim.
	if wait, any, err := s.Store.NextSchedule(ctx); err != nil || !any || wait > 0 {
		return pollIn(wait, any), err
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
			s.runDue(ctx, one, now)
		})
	}
	if len(due) > 0 && free == 0 {
		return pollEvery, nil
	}
	next, any, err := s.Store.NextSchedule(ctx)
	return pollIn(next, any), err
}

// pollIn is when to look again: after wait if any schedule can be claimed then, but at least
// every pollEvery.
func pollIn(wait time.Duration, any bool) time.Duration {
	if !any {
		return pollEvery
	}
	return min(max(wait, time.Millisecond), pollEvery)
}

// takeSlot takes a slot for a run if one is free.
func (s *Scheduler) takeSlot() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// runDue makes the run of a schedule that was claimed at a time.
func (s *Scheduler) runDue(ctx context.Context, one hook.Schedule, now time.Time) {
	c, e, ok := s.find(one.ScheduleName)
	if !ok { // the contract does not have it any more; it ends when schedules are arranged
		s.release(ctx, one, nil)
		return
	}
	end := hook.RunEnd{ScheduleName: one.ScheduleName, Claim: one.Claim, Run: hook.ScheduleRun{At: now}}
	if now.Before(one.NextAt) { // the clock of the database went back
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

// release gives up the claim of a run that was interrupted or could not be made.
func (s *Scheduler) release(ctx context.Context, one hook.Schedule, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.Error("a run of a schedule was interrupted, will try again", append(attrs(one.ScheduleName), "error", err)...)
	}
	after := retryAfter
	if ctx.Err() != nil {
		after = 0
	}
	if err := s.Store.ReleaseSchedule(context.WithoutCancel(ctx), one, after); err != nil {
		s.Log.Warn("the claim of a schedule was not given up, it ends by itself",
			append(attrs(one.ScheduleName), "error", err)...)
	}
}

// attrs are the log attributes of a schedule.
func attrs(n hook.ScheduleName) []any {
	return []any{"tenant", n.Tenant, "contract", n.Contract, "type", n.Type}
}

// report logs the result of a run.
func (s *Scheduler) report(name hook.ScheduleName, r *hook.ScheduleRun) {
	args := append(attrs(name),
		"state", r.State, "records", r.Records, "examined", r.Examined, "bytes", r.Bytes, "took", r.Took)
	switch {
	case r.State == hook.RunFailed:
		s.Log.Error("a schedule failed", append(args, "code", r.Code, "detail", r.Detail)...)
	case r.LeftOut > 0: // the reason can quote documents, so it is not logged but only stored for the tenant
		s.Log.Warn("a schedule left records out", append(args, "left_out", r.LeftOut)...)
	default:
		s.Log.Debug("a schedule ran", append(args, "code", r.Code)...)
	}
}

// find returns the contract of a schedule and its event type; ok is false if the contract does
// not have it.
func (s *Scheduler) find(n hook.ScheduleName) (c *contract.Contract, e contract.EventType, ok bool) {
	if c, ok = s.Contracts.Lookup(n.Contract); !ok {
		return nil, contract.EventType{}, false
	}
	i := slices.IndexFunc(c.Scheduled(), func(e contract.EventType) bool { return e.Name == n.Type })
	if i < 0 {
		return nil, contract.EventType{}, false
	}
	return c, c.Scheduled()[i], true
}

// RunNow makes a run at once, whether it is due or not. The time of the next scheduled run does
// not change. An error means that no run was made.
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

// run makes one run and commits its end. A run that fails ends, too. An error means that
// the run could not be made, for example because the database was not there; then nothing
// was stored.
func (s *Scheduler) run(
	ctx context.Context, c *contract.Contract, e contract.EventType, end hook.RunEnd,
) (hook.RunVerdict, error) {
	began := time.Now()
	r := &end.Run
	payload, err := s.snapshot(ctx, c, e, end.ScheduleName, r)
	switch tooLarge, is := errors.AsType[*contract.ErrTooLarge](err); {
	case is:
		r.State, r.Code = hook.RunFailed, hook.RunTooLarge
		r.Detail = fmt.Sprintf("The records make a payload of more than %d bytes, which is the limit of the contract "+
			"(max_body). Narrow the condition, or raise the limit.", tooLarge.Limit)
	case errors.Is(err, work.ErrSpent):
		r.State, r.Code = hook.RunFailed, hook.RunTooCostly
		r.Detail = fmt.Sprintf("After %d records, the conditions and templates of the contract (where, item) had used up "+
			"the work that one run may cost. Make them simpler, or keep fewer records.", r.Examined)
	case err != nil && errors.Is(context.Cause(ctx), errTooSlow):
		r.State, r.Code = hook.RunFailed, hook.RunTooSlow
		r.Detail = "The records could not be read in time. Keep fewer of them, or make the condition simpler."
	case err != nil:
		return hook.RunVerdict{}, err
	}
	r.Took = time.Since(began)
	return s.Accepter.EndRun(context.WithoutCancel(ctx), end, payload)
}

// snapshot makes the payload of a run, nil if it makes no event. It notes the result in r.
func (s *Scheduler) snapshot(
	ctx context.Context, c *contract.Contract, e contract.EventType, name hook.ScheduleName, r *hook.ScheduleRun,
) ([]byte, error) {
	skip := func(code, detail string) { r.State, r.Code, r.Detail = hook.RunSkipped, code, detail }
	taken, err := s.Accepter.Takes(ctx, name)
	if err != nil {
		return nil, err
	}
	if !taken {
		skip(hook.RunNoEndpoint, "No endpoint takes events of this type, so none was made.")
		return nil, nil
	}
	snap, ok := c.NewSnapshot(work.NewBudget(ctx, s.Work, nil), e.Name)
	if !ok {
		return nil, hook.NotFound("schedule", e.Name)
	}
	throttle := newThrottle()
	err = s.Store.EachRecord(ctx, name.Tenant, c.Name, e.Schedule.Select, func(record hook.Record) error {
		if err := throttle.wait(ctx, r.Examined); err != nil {
			return err
		}
		r.Examined++
		var err error
		if record.Unreadable {
			err = &contract.Trouble{Detail: "What is stored of the record cannot be decrypted."}
		} else {
			_, err = snap.Add(record.Document)
		}
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

// Deliveries are urgent and runs are not. So a run pauses after every workFor, and takes less
// than half of one core.
const (
	workFor   = 2 * time.Millisecond
	pauseFor  = 3 * time.Millisecond
	clockEach = 32 // records between looks at the clock, which cost time as well
)

// throttle makes a run pause.
type throttle struct {
	since time.Time // end of the last pause
	timer *time.Timer
}

func newThrottle() *throttle {
	p := &throttle{since: time.Now(), timer: time.NewTimer(0)}
	<-p.timer.C
	return p
}

// wait is called after each record, with their number so far, and pauses when the run has
// worked for workFor. If ctx ends, it returns the error of ctx.
func (p *throttle) wait(ctx context.Context, records int) error {
	if records%clockEach != 0 || time.Since(p.since) < workFor {
		return nil
	}
	p.timer.Reset(pauseFor)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.timer.C:
	}
	p.since = time.Now()
	return nil
}
