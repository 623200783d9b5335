// Package quota counts what tenants and API keys use, and refuses what is over their limits.
//
// Rates are counted in memory, by each node for itself. What is used in a month is counted in
// memory, added to the database every ten seconds, and read back from there, so that all nodes
// know what the others counted.
//
// It promises that a caller without limits waits for nothing: the limits of a tenant are read
// once, and again when they change. A crash loses the counts of the last seconds. While the
// database cannot be read, nobody is refused.
package quota

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gancho/internal/cache"
	"gancho/internal/hook"
)

// Store is what a [Keeper] needs of the database.
type Store interface {
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
	// QuotaUsed is what somebody used in a month, counted by all nodes.
	QuotaUsed(ctx context.Context, u hook.QuotaUser, month time.Time) (hook.QuotaUse, error)
	// AddQuotaUsed adds uses to what is stored, and returns the new sums in the same order.
	AddQuotaUsed(ctx context.Context, uses []hook.QuotaUse) ([]hook.QuotaUse, error)
	// CountEndpoints is how many endpoints a tenant has.
	CountEndpoints(ctx context.Context, tenant string) (int, error)
}

const (
	maxTenants = 100_000 // whose limits are kept in memory
	flushEvery = 10 * time.Second
	flushRows  = 200              // in one transaction; other writes wait for it
	idle       = 10 * time.Minute // after which a user without uncounted uses is forgotten
	// readAgain is how long nobody waits for the database after it could not be read.
	readAgain = time.Second
	// Burst is how much of a rate can be used at once: what accrues in this time.
	Burst = 10 * time.Second
)

// Keeper keeps the limits. Its methods may be called from any goroutine.
type Keeper struct {
	store    Store
	defaults hook.Limits // of a tenant that has no limit of its own
	now      func() time.Time
	log      *slog.Logger
	limits   *cache.Loader[hook.Limits]

	mu    sync.Mutex
	users map[hook.QuotaUser]*user
}

// user is what this node knows of a tenant or a key.
type user struct {
	mu     sync.Mutex
	asked  time.Time       // when it was last asked for
	free   time.Time       // events: when all that was taken will have accrued again
	script time.Time       // the same for the time of scripts
	month  time.Time       // the month of the following
	read   bool            // sum has been read from the database
	again  time.Time       // when that is tried again, after it failed
	sum    hook.QuotaUse   // by all nodes, at the last reading
	added  hook.QuotaUse   // by this node since then
	late   []hook.QuotaUse // by this node in other months, not stored yet
}

// New makes a keeper. defaults are the limits of a tenant that has none of its own. It stores
// nothing until [Keeper.Run] or [Keeper.Flush].
func New(store Store, defaults hook.Limits, log *slog.Logger) *Keeper {
	k := &Keeper{store: store, defaults: defaults, now: time.Now, log: log, users: map[hook.QuotaUser]*user{}}
	k.limits = cache.NewLoader(maxTenants, 0, k.load)
	return k
}

// limitsOf are the limits of a tenant. known is false if they cannot be read; then nothing is limited.
func (k *Keeper) limitsOf(ctx context.Context, tenant string) (l hook.Limits, known bool) {
	l, err := k.limits.Get(ctx, tenant)
	return l, err == nil
}

func (k *Keeper) load(ctx context.Context, tenant string) (hook.Limits, error) {
	t, err := k.store.Tenant(ctx, tenant)
	return k.effective(t.Policy.Limits), err
}

// effective are a tenant's limits, with the defaults where it has none.
func (k *Keeper) effective(own hook.Limits) hook.Limits {
	return hook.Limits{
		EventsPerSecond:   cmp.Or(own.EventsPerSecond, k.defaults.EventsPerSecond),
		EventsPerMonth:    cmp.Or(own.EventsPerMonth, k.defaults.EventsPerMonth),
		BytesPerMonth:     cmp.Or(own.BytesPerMonth, k.defaults.BytesPerMonth),
		Endpoints:         cmp.Or(own.Endpoints, k.defaults.Endpoints),
		ScriptMSPerMinute: cmp.Or(own.ScriptMSPerMinute, k.defaults.ScriptMSPerMinute),
	}
}

// Changed forgets the limits of a tenant that has changed. The store calls it.
func (k *Keeper) Changed(c hook.Change) {
	switch {
	case c.Anything:
		k.limits.ForgetIf(func(string, hook.Limits) bool { return true })
	case c.Tenant != "" && c.Endpoint.IsZero() && c.Key.IsZero():
		k.limits.Forget(c.Tenant)
	}
}

// Admit takes what a request asks for from what a tenant and the API key may use. key is nil
// if no key has to be counted. It fails with KindLimited if that is used up; then nothing was
// taken. A request is admitted whole if there is anything left of a rate, and the rest is owed.
// [Keeper.Count] counts what was accepted then. The allowance is what is left, also with an error.
func (k *Keeper) Admit(ctx context.Context, tenant string, key *hook.Key, ask hook.QuotaAsk) (hook.Allowance, error) {
	limits, known := k.limitsOf(ctx, tenant)
	if !known { // the caller will find that the database cannot be read, or that there is no such tenant
		return hook.Allowance{}, nil
	}
	id := hook.QuotaUser{Tenant: tenant}
	left, err := k.admit(ctx, id, limits, "This tenant", ask)
	if err != nil || key == nil {
		return left, err
	}
	budgets := key.Budgets()
	for i, b := range budgets {
		who := "This API key"
		if b.Key != key.ID.String() {
			who = "The API key by which this one was created"
		}
		of, err := k.admit(ctx, b.QuotaUser, b.Limits, who, ask)
		left = tighter(left, of)
		if err != nil {
			k.returnRate(id, limits, ask.Items)
			for _, taken := range budgets[:i] {
				k.returnRate(taken.QuotaUser, taken.Limits, ask.Items)
			}
			return left, err
		}
	}
	return left, nil
}

// returnRate returns what admit took from a rate.
func (k *Keeper) returnRate(id hook.QuotaUser, limits hook.Limits, n int) {
	if limits.EventsPerSecond > 0 {
		u := k.user(id)
		u.mu.Lock()
		defer u.mu.Unlock()
		u.free = u.free.Add(-time.Duration(n) * each(limits.EventsPerSecond))
	}
}

// Return gives back what Admit took from rates for n items that had been accepted before. key is nil if no key has to be
// counted.
func (k *Keeper) Return(ctx context.Context, tenant string, key *hook.Key, n int) {
	if limits, known := k.limitsOf(ctx, tenant); known {
		k.returnRate(hook.QuotaUser{Tenant: tenant}, limits, n)
	}
	if key != nil {
		for _, b := range key.Budgets() {
			k.returnRate(b.QuotaUser, b.Limits, n)
		}
	}
}

// each is the time in which one event accrues. It is never 0, however high the rate.
func each(perSecond int) time.Duration { return max(1, time.Second/time.Duration(perSecond)) }

// admit takes events from what one user may use.
func (k *Keeper) admit(
	ctx context.Context, id hook.QuotaUser, limits hook.Limits, who string, ask hook.QuotaAsk,
) (left hook.Allowance, err error) {
	if limits.EventsPerSecond == 0 && limits.EventsPerMonth == 0 && limits.BytesPerMonth == 0 {
		return left, nil
	}
	u := k.user(id)
	if limits.EventsPerMonth > 0 || limits.BytesPerMonth > 0 {
		k.readSum(ctx, id, u)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	now := k.now()
	u.turn(now)
	if limits.EventsPerMonth > 0 || limits.BytesPerMonth > 0 {
		reset := u.month.AddDate(0, 1, 0).Sub(now)
		for _, m := range []struct {
			limit, used, more int64
			what              string
		}{
			{limits.EventsPerMonth, u.sum.Events + u.added.Events, int64(ask.Events), "events"},
			{limits.BytesPerMonth, u.sum.Bytes + u.added.Bytes, ask.Bytes, "bytes"},
		} {
			if m.limit == 0 || !u.read {
				continue
			}
			left = tighter(left, hook.Allowance{Limit: m.limit, Remaining: max(0, m.limit-m.used), Reset: reset})
			if m.used+m.more > m.limit {
				return left, &hook.Error{
					Kind: hook.KindLimited, Code: "quota_used_up", RetryAfter: reset, Detail: fmt.Sprintf(
						"%s may publish %d %s in a month, and %d are left; this request has %d. "+
							"The next month begins at %s. The operator can raise the limit.",
						who, m.limit, m.what, max(0, m.limit-m.used), m.more, u.month.AddDate(0, 1, 0).Format(time.RFC3339)),
				}
			}
		}
	}
	if limits.EventsPerSecond > 0 {
		of, wait := take(&u.free, now, each(limits.EventsPerSecond), ask.Items)
		left = tighter(left, of)
		if wait > 0 {
			return left, &hook.Error{
				Kind: hook.KindLimited, Code: "rate_limited", RetryAfter: wait, Detail: fmt.Sprintf(
					"%s may publish %d events per second, and has published more than that. "+
						"Send this again after %d s. The operator can raise the limit.",
					who, limits.EventsPerSecond, int64((wait+time.Second-1)/time.Second)),
			}
		}
	}
	return left, nil
}

// readSum reads what a user used in this month, unless it is known or could not be read a moment ago. It does not hold u.mu
// while the database answers: Flush waits for u.mu, and all other users wait for Flush.
func (k *Keeper) readSum(ctx context.Context, id hook.QuotaUser, u *user) {
	u.mu.Lock()
	now := k.now()
	u.turn(now)
	wanted, month := !u.read && !now.Before(u.again), u.month
	u.mu.Unlock()
	if !wanted {
		return
	}
	sum, err := k.store.QuotaUsed(ctx, id, month)
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case err == nil && !u.read && u.month.Equal(month):
		u.sum, u.read = sum, true
	case err != nil && ctx.Err() == nil:
		u.again = now.Add(readAgain)
		k.log.Warn("what was used in this month cannot be read, and is not limited meanwhile", "tenant", id.Tenant, "error", err)
	}
}

// take takes n from a rate of one per each, if anything is left of what accrues in [Burst].
// free is when all that was taken will have accrued again. wait is 0 if n was taken.
func take(free *time.Time, now time.Time, each time.Duration, n int) (left hook.Allowance, wait time.Duration) {
	left.Limit = int64(Burst / each)
	if left.Reset = max(0, free.Sub(now)); left.Reset > Burst-each {
		return left, left.Reset - (Burst - each)
	}
	if free.Before(now) {
		*free = now
	}
	*free = free.Add(time.Duration(n) * each)
	left.Reset = free.Sub(now)
	left.Remaining = max(0, int64((Burst-left.Reset)/each))
	return left, 0
}

// tighter is the allowance of which the smaller part is left.
func tighter(a, b hook.Allowance) hook.Allowance {
	switch {
	case a.Limit == 0:
		return b
	case b.Limit == 0 || float64(a.Remaining)/float64(a.Limit) <= float64(b.Remaining)/float64(b.Limit):
		return a
	}
	return b
}

// admitScript reports whether transformations of a tenant may run: wait is 0, or how long none
// may.
func (k *Keeper) admitScript(ctx context.Context, tenant string) (wait time.Duration) {
	limits, known := k.limitsOf(ctx, tenant)
	if !known || limits.ScriptMSPerMinute == 0 {
		return 0
	}
	u := k.user(hook.QuotaUser{Tenant: tenant})
	u.mu.Lock()
	defer u.mu.Unlock()
	return max(0, max(0, u.script.Sub(k.now()))-time.Minute)
}

// countScript counts the time that a transformation of a tenant ran.
func (k *Keeper) countScript(tenant string, took time.Duration) {
	limits, known := k.limitsOf(context.Background(), tenant)
	if !known || limits.ScriptMSPerMinute == 0 {
		return
	}
	u := k.user(hook.QuotaUser{Tenant: tenant})
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := k.now(); u.script.Before(now) {
		u.script = now
	}
	// What is allowed in a minute takes a minute to accrue again.
	u.script = u.script.Add(time.Duration(float64(took) * float64(time.Minute.Milliseconds()) / float64(limits.ScriptMSPerMinute)))
}

// Count counts n events with some bytes that were accepted. key is nil if no key has to be
// counted.
func (k *Keeper) Count(tenant string, key *hook.Key, n int, bytes int64) {
	k.count(hook.QuotaUser{Tenant: tenant}, n, bytes)
	if key != nil {
		for _, b := range key.Budgets() {
			k.count(b.QuotaUser, n, bytes)
		}
	}
}

func (k *Keeper) count(id hook.QuotaUser, n int, bytes int64) {
	u := k.user(id)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.turn(k.now())
	u.added.Events += int64(n)
	u.added.Bytes += bytes
}

// user finds what is known of a user, or begins to know it.
func (k *Keeper) user(id hook.QuotaUser) *user {
	k.mu.Lock()
	defer k.mu.Unlock()
	u := k.users[id]
	if u == nil {
		u = &user{}
		k.users[id] = u
	}
	u.asked = k.now()
	return u
}

// turn begins another month, if the clock says so. If the clock was wrong and is put back, that is the month before,
// whose sum is read from the database again.
func (u *user) turn(now time.Time) {
	month := hook.QuotaMonth(now)
	if month.Equal(u.month) {
		return
	}
	if u.added.Events != 0 || u.added.Bytes != 0 {
		u.added.Month = u.month
		u.late = append(u.late, u.added)
	}
	u.month, u.read, u.sum, u.added = month, false, hook.QuotaUse{}, hook.QuotaUse{}
	u.late = slices.DeleteFunc(u.late, func(late hook.QuotaUse) bool {
		if !late.Month.Equal(month) {
			return false
		}
		u.added.Events += late.Events
		u.added.Bytes += late.Bytes
		return true
	})
}

// Usage is what a tenant used in this month, and its limits.
func (k *Keeper) Usage(ctx context.Context, tenant string) (use hook.Usage, err error) {
	if use.Limits, err = k.limits.Get(ctx, tenant); err != nil {
		return use, err
	}
	if use.Endpoints, err = k.store.CountEndpoints(ctx, tenant); err != nil {
		return use, err
	}
	id := hook.QuotaUser{Tenant: tenant}
	if use.QuotaUse, err = k.store.QuotaUsed(ctx, id, hook.QuotaMonth(k.now())); err != nil {
		return use, err
	}
	u := k.user(id)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.turn(k.now()); u.month.Equal(use.Month) {
		use.Events += u.added.Events
		use.Bytes += u.added.Bytes
	}
	return use, nil
}

// Run stores the counts every ten seconds until ctx ends. Call [Keeper.Flush] then to store
// the rest.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.Flush(ctx)
		}
	}
}

// Flush stores what was counted so far, and reads what other nodes counted. What cannot be
// stored is tried again by the next Flush.
func (k *Keeper) Flush(ctx context.Context) {
	for uses := range slices.Chunk(k.collect(), flushRows) {
		sums, err := k.store.AddQuotaUsed(ctx, uses)
		if err != nil {
			k.log.Warn("what tenants used cannot be stored, will try again", "error", err)
			for i := range uses {
				k.giveBack(&uses[i])
			}
			continue
		}
		for i := range sums {
			k.learn(&sums[i])
		}
	}
}

// collect takes what was counted, in the order of users and months, and forgets users that
// are idle.
func (k *Keeper) collect() (uses []hook.QuotaUse) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	for id, u := range k.users {
		u.mu.Lock()
		u.turn(now)
		for _, late := range u.late {
			late.QuotaUser = id
			uses = append(uses, late)
		}
		if u.late = nil; u.added.Events != 0 || u.added.Bytes != 0 || u.read && now.Sub(u.asked) < idle {
			u.added.QuotaUser, u.added.Month = id, u.month
			uses = append(uses, u.added)
			// Until the new sum is known, what is being stored counts as used.
			u.sum.Events += u.added.Events
			u.sum.Bytes += u.added.Bytes
			u.added = hook.QuotaUse{}
		} else if now.Sub(u.asked) >= idle && u.free.Before(now) && u.script.Before(now) {
			delete(k.users, id)
		}
		u.mu.Unlock()
	}
	slices.SortFunc(uses, func(a, b hook.QuotaUse) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Key, b.Key), a.Month.Compare(b.Month))
	})
	return uses
}

// giveBack counts what could not be stored once more.
func (k *Keeper) giveBack(use *hook.QuotaUse) {
	u := k.user(use.QuotaUser)
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.month.Equal(use.Month) {
		u.late = append(u.late, *use)
		return
	}
	u.sum.Events -= use.Events
	u.sum.Bytes -= use.Bytes
	u.added.Events += use.Events
	u.added.Bytes += use.Bytes
}

// learn takes over a sum of all nodes. What this node counted since is in u.added.
func (k *Keeper) learn(sum *hook.QuotaUse) {
	k.mu.Lock()
	u := k.users[sum.QuotaUser]
	k.mu.Unlock()
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.month.Equal(sum.Month) {
		u.sum, u.read = *sum, true
	}
}
