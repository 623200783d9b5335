package work_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gancho/internal/work"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBudget(t *testing.T) {
	t.Parallel()
	b := work.NewBudget(t.Context(), 100, nil)
	for i, cost := range []int64{60, 60} { // the evaluation that exceeds the budget ends
		if err := b.Begin(); err != nil {
			t.Fatal(i, err)
		}
		b.End(cost)
	}
	if err := b.Begin(); !errors.Is(err, work.ErrSpent) || b.Left() != 0 {
		t.Errorf("got %v, %d left", err, b.Left())
	}
	if n := b.Close(); n != 120 {
		t.Errorf("%d units were spent, want 120", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := work.NewBudget(ctx, 100, nil).Begin(); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has left, and the error is %v", err)
	}
	var none *work.Budget
	if none.Begin() != nil || none.Spend(1<<40) != nil || none.Close() != 0 || none.Left() < 1<<40 || none.Context().Err() != nil {
		t.Error("no budget has a limit")
	}
}

// A tenant that has used up what it may compute is slowed down to its rate, and computes on one goroutine. Another
// tenant waits for nothing.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rate, each, rounds = 1000, 100, 5
		accounts := work.NewAccounts(rate)
		if a := accounts.Of("a"); accounts.Of("a") != a || a == accounts.Of("b") {
			t.Fatal("each tenant has one account")
		}
		spend := work.NewBudget(t.Context(), 1<<40, accounts.Of("a"))
		for accounts.Of("a").Balance() >= 0 {
			if err := spend.Spend(each); err != nil {
				t.Fatal(err)
			}
			spend.Close()
		}
		start := time.Now()
		var at, most atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				b := work.NewBudget(t.Context(), 1<<40, accounts.Of("a"))
				defer b.Close()
				for range rounds {
					if err := b.Begin(); err != nil {
						t.Error(err)
						return
					}
					most.Store(max(most.Load(), at.Add(1)))
					time.Sleep(time.Millisecond) // the evaluation
					at.Add(-1)
					b.End(each)
				}
			})
		}
		synctest.Wait()
		other := work.NewBudget(t.Context(), 1<<40, accounts.Of("b"))
		if err := other.Spend(each); err != nil || time.Since(start) > 0 {
			t.Errorf("the other tenant waited %v, %v", time.Since(start), err)
		}
		ctx, leave := context.WithCancel(t.Context())
		all.Go(func() {
			if err := work.NewBudget(ctx, 1<<40, accounts.Of("a")).Begin(); !errors.Is(err, context.Canceled) {
				t.Errorf("the caller left while it waited, and the error is %v", err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
		if most.Load() != 1 {
			t.Errorf("%d evaluations ran at once", most.Load())
		}
		// 20 evaluations of 100 units at 1000 units a second.
		if took := time.Since(start); took < 1900*time.Millisecond || took > 2200*time.Millisecond {
			t.Errorf("it took %v, want about 2 s", took)
		}
		time.Sleep(time.Minute)
		start = time.Now()
		if err := spend.Spend(each); err != nil || time.Since(start) > 0 {
			t.Errorf("a minute later it waited %v, %v", time.Since(start), err)
		}
	})
}

// All tenants whose accounts are empty share half of the cores.
func TestCores(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		accounts := work.NewAccounts(1_000_000)
		most := int32(work.Cores(accounts))
		var at, high atomic.Int32
		var all sync.WaitGroup
		for i := range 4 * most {
			tenant := string(rune('a' + i))
			debt := work.NewBudget(t.Context(), 1<<40, accounts.Of(tenant))
			debt.End(10_000_000)
			debt.Close()
			all.Go(func() {
				b := work.NewBudget(t.Context(), 1<<40, accounts.Of(tenant))
				if err := b.Begin(); err != nil {
					t.Error(err)
					return
				}
				high.Store(max(high.Load(), at.Add(1)))
				time.Sleep(time.Second)
				at.Add(-1)
				b.End(1)
			})
		}
		all.Wait()
		if high.Load() > most {
			t.Errorf("%d evaluations ran at once, want %d", high.Load(), most)
		}
	})
}
