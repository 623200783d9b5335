package work

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// burst is the part of a second for which a tenant may compute without being slowed down.
const burst = 4

// maxAccounts bounds the memory: beyond it, accounts that are full and that nobody waits for are forgotten. Who still has
// one goes on with it, so such a tenant may have two for a while.
const maxAccounts = 100_000

// Accounts are the accounts of all tenants. Make them with [NewAccounts]; nil has none.
type Accounts struct {
	rate  int64         // units a second
	cores chan struct{} // has an element for each evaluation of a tenant whose account is empty

	mu    sync.Mutex
	known map[string]*Account
}

// NewAccounts makes accounts that are filled with rate units a second, each up to a quarter of that.
func NewAccounts(rate int64) *Accounts {
	return &Accounts{
		rate: max(rate, 1), cores: make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1)), known: map[string]*Account{},
	}
}

// Of is the account of a tenant.
func (x *Accounts) Of(tenant string) *Account {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.known[tenant]
	if a == nil {
		if len(x.known) >= maxAccounts {
			x.forget()
		}
		a = &Account{rate: x.rate, cores: x.cores, turn: make(chan struct{}, 1), filled: time.Now()}
		a.balance.Store(x.rate / burst)
		x.known[tenant] = a
	}
	return a
}

// forget drops the accounts that are full: a new one is the same. The caller holds x.mu.
func (x *Accounts) forget() {
	now := time.Now()
	for tenant, a := range x.known {
		if a.refill(now); a.balance.Load() >= x.rate/burst && a.waiting.Load() == 0 {
			delete(x.known, tenant)
		}
	}
}

// Account is what a tenant may compute. Its balance is filled with time, and may be overdrawn by what is being
// evaluated. While it is overdrawn, the tenant's evaluations take turns, and each waits until the balance is back at
// zero. It is safe for concurrent use.
type Account struct {
	rate    int64
	cores   chan struct{}
	balance atomic.Int64
	turn    chan struct{} // has an element while somebody has the turn
	waiting atomic.Int32  // how many have the turn or wait for it

	mu     sync.Mutex
	filled time.Time // up to when the balance was filled
}

// begin waits until the account may be charged. turn says that the caller has the turn, which end gives back.
func (a *Account) begin(ctx context.Context) (turn bool, err error) {
	if a.balance.Load() >= 0 && a.waiting.Load() == 0 {
		return false, nil
	}
	if a.refill(time.Now()); a.balance.Load() >= 0 && a.waiting.Load() == 0 {
		return false, nil
	}
	a.waiting.Add(1)
	defer func() {
		if err != nil {
			a.waiting.Add(-1)
		}
	}()
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if err = a.waitBalance(ctx); err == nil {
		select {
		case a.cores <- struct{}{}:
			return true, nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	<-a.turn
	return false, err
}

// waitBalance waits until the balance is not negative.
func (a *Account) waitBalance(ctx context.Context) error {
	for {
		a.refill(time.Now())
		debt := -a.balance.Load()
		if debt <= 0 {
			return nil
		}
		timer := time.NewTimer(a.timeFor(debt))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// timeFor is how long it takes until some units are filled in.
func (a *Account) timeFor(units int64) time.Duration {
	return time.Duration(float64(units)/float64(a.rate)*float64(time.Second)) + time.Millisecond
}

// end charges the account, and gives the turn back.
func (a *Account) end(units int64, turn bool) {
	a.balance.Add(-units)
	if turn {
		<-a.cores
		<-a.turn
		a.waiting.Add(-1)
	}
}

// refill adds what the time since the last call is worth.
func (a *Account) refill(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	units := int64(now.Sub(a.filled).Seconds() * float64(a.rate))
	if units <= 0 {
		return
	}
	a.filled = now
	for {
		was := a.balance.Load()
		if a.balance.CompareAndSwap(was, min(was+units, max(was, a.rate/burst))) {
			return
		}
	}
}
