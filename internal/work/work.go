// Package work counts and limits what customers make Gancho compute: filters, conditions, templates and schemas that
// they or their contracts wrote, over documents that they sent.
//
// A [Budget] is for one event or one change of a record, and for everything that is computed for it together. An
// [Account] is for one tenant, over all of its events: a tenant that has used up what it may compute at once does one
// evaluation after the other, and not faster than its account is filled again.
//
// Work is counted in units. A unit is a unit of cost in CEL, about 0.1 µs; reading [BytesPerUnit] bytes costs one as
// well. Units are counted and not measured, so that the same event costs the same on every machine and at any load
// (docs/adr/0025).
//
// It promises:
//
//   - A budget is exceeded by at most one evaluation, which has a limit of its own.
//   - Nothing begins after the context of the budget ended.
//   - Of a tenant whose account is empty, one evaluation begins after the other, and all such tenants together leave at
//     least half of the cores to others. Evaluations that began before the account was empty are finished beside them.
package work

import (
	"context"
	"errors"
)

// BytesPerUnit is how many bytes of a document or text are read for one unit.
const BytesPerUnit = 32

// ErrSpent is the error of [Budget.Begin] if nothing is left. Its text is for people.
var ErrSpent = errors.New("what was to be computed before it has used up the work that one event may cost")

// Budget is what may still be computed for one event. A nil Budget has no limit and no context. A Budget must be used
// by one goroutine at a time.
type Budget struct {
	ctx     context.Context
	account *Account // nil: only the budget itself limits
	left    int64
	spent   int64
	unpaid  int64 // of spent, what the account was not charged yet
	turn    bool  // between Begin and End of an account that is empty
}

// NewBudget makes a budget of some units. Nothing begins once ctx has ended. The account is charged, too; it may be
// nil. Call [Budget.Close] at the end.
func NewBudget(ctx context.Context, units int64, a *Account) *Budget {
	return &Budget{ctx: ctx, account: a, left: units}
}

// payEach is how many units a budget gathers before it charges the account.
const payEach = 4096

// Begin is called before each evaluation, and [Budget.End] after it. It waits as long as the account is empty. The
// error is [ErrSpent] if no unit is left, or that of the context.
func (b *Budget) Begin() error {
	if b == nil {
		return nil
	}
	if b.left <= 0 {
		return ErrSpent
	}
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if b.account == nil {
		return nil
	}
	var err error
	b.turn, err = b.account.begin(b.ctx)
	return err
}

// End says what an evaluation cost.
func (b *Budget) End(units int64) {
	if b == nil {
		return
	}
	b.left -= units
	b.spent += units
	b.unpaid += units
	if b.turn || b.unpaid >= payEach {
		b.pay()
	}
}

// pay charges the account.
func (b *Budget) pay() {
	if b.account != nil {
		b.account.end(b.unpaid, b.turn)
	}
	b.unpaid, b.turn = 0, false
}

// Left is how many units are left, at least 0. Without a limit it is the largest number.
func (b *Budget) Left() int64 {
	if b == nil {
		return 1<<63 - 1
	}
	return max(b.left, 0)
}

// Spent is how many units were spent. It can be more than there were, because an evaluation that began is finished.
func (b *Budget) Spent() int64 {
	if b == nil {
		return 0
	}
	return b.spent
}

// Context is the context of the budget.
func (b *Budget) Context() context.Context {
	if b == nil {
		return context.Background()
	}
	return b.ctx
}

// Close charges the account with the rest, and returns how many units were spent.
func (b *Budget) Close() int64 {
	if b == nil {
		return 0
	}
	if b.unpaid > 0 || b.turn {
		b.pay()
	}
	return b.spent
}

// OfBytes is how many units it costs to read some bytes.
func OfBytes(n int) int64 { return int64(n/BytesPerUnit) + 1 }

// Spend is Begin and End for work whose cost is known before.
func (b *Budget) Spend(units int64) error {
	if b == nil {
		return nil
	}
	if err := b.Begin(); err != nil {
		return err
	}
	b.End(units)
	return nil
}
