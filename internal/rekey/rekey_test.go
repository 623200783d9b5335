package rekey

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a store in which a rotation is under way, and each step fails.
type failing struct{ steps int }

func (f *failing) FollowKeys(context.Context) (bool, error) { return true, nil }

func (f *failing) LeadRotation(context.Context) (time.Duration, error) {
	if f.steps++; f.steps > 100 { // enough to see that it does not pause
		return time.Hour, errors.New("tried without a pause")
	}
	return 0, errors.New("the disk is full")
}

// A step that fails is tried again after a pause, so that a database in trouble is not asked all the time.
func TestFailingStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		store := &failing{}
		r := New(store, slog.New(slog.DiscardHandler))
		following := make(chan error, 1)
		go func() { following <- r.Run(ctx) }()
		if err := errors.Join(r.Lead(ctx), <-following); err != nil {
			t.Fatal(err)
		}
		if store.steps < 2 || store.steps > 11 {
			t.Errorf("%d tries in ten seconds", store.steps)
		}
	})
}
