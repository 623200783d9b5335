package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// Two nodes share a PostgreSQL, and are killed and started again in turns, while contracts use all that concerns
// more than one delivery. What a single server promises must hold over both of them; [means] says what that is.
func TestKillsOfNodes(t *testing.T) {
	t.Parallel()
	kills := 2
	if os.Getenv(longEnv) != "" {
		kills = 20
	}
	newMeans(t, newPair(t)).run(kills)
}

// pair are two nodes on one database.
type pair struct {
	t      *testing.T
	places [2]place
	kills  atomic.Int64
	load   sync.WaitGroup
	ended  atomic.Bool // no more load

	mu    sync.Mutex
	lives [2]*life // nil: it is down
	turn  int      // whose turn the next call is
}

func newPair(t *testing.T) *pair {
	url := pgtest.Database(t, store.Migrate)
	p := &pair{t: t}
	for i := range p.places {
		p.places[i] = place{dir: t.TempDir(), database: url}
		p.start(i)
	}
	return p
}

// start starts a node.
func (p *pair) start(i int) {
	l := &life{process: startAt(p.t, p.places[i])}
	l.ctx, l.cancel = context.WithCancel(p.t.Context())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lives[i] = l
}

// kill ends a node as a power cut would.
func (p *pair) kill(i int) {
	p.mu.Lock()
	l := p.lives[i]
	p.lives[i] = nil
	p.mu.Unlock()
	p.kills.Add(1)
	l.dying.Store(true)
	l.kill()
	l.cancel()
}

func (p *pair) stop() {
	for _, l := range p.lives {
		l.stop()
	}
}

// next is a node that runs. The nodes take turns.
func (p *pair) next() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turn++; p.lives[p.turn%2] != nil {
		return p.lives[p.turn%2]
	}
	return p.lives[(p.turn+1)%2]
}

// call makes a request of the API at one node after the other, until one answers it. It returns how many requests that took.
func (p *pair) call(what string, fn func(ctx context.Context, c *client.Client) error) (tries int) {
	for tries = 1; !p.t.Failed(); tries++ {
		l := p.next()
		err := fn(l.ctx, l.Client)
		if err == nil {
			break
		}
		wrong, answered := errors.AsType[*client.Problem](err)
		if busy := answered && (wrong.Status >= 500 || wrong.Status == http.StatusTooManyRequests); !busy && !l.dying.Load() {
			p.t.Errorf("%s: %v", what, err)
			break
		}
		time.Sleep(20 * time.Millisecond) //policy:allow time.Sleep: a client tries again a little later
	}
	return tries
}

// everywhere waits until both nodes say that something is so.
func (p *pair) everywhere(what string, is func(ctx context.Context, c *client.Client) bool) {
	eventually(p.t, what, func() bool {
		return !slices.ContainsFunc(p.lives[:], func(l *life) bool { return !is(l.ctx, l.Client) })
	})
}

// keep runs fn again and again until endLoad, with pauses of half of pause to one and a half.
func (p *pair) keep(pause time.Duration, fn func(n int)) {
	p.load.Go(func() {
		for n := 1; !p.ended.Load() && !p.t.Failed(); n++ {
			fn(n)
			time.Sleep(pause/2 + rand.N(pause)) //policy:allow time.Sleep: the load leaves room for the rest of the machine
		}
	})
}

func (p *pair) endLoad() { p.ended.Store(true); p.load.Wait() }

// row is an endpoint that always fails, from one time that it is given up to the next. A person resumes it each time.
type row struct {
	path     string
	endpoint string // its id
	after    int    // of what counts, until it is given up
	width    int    // requests at once
	counts   func(r *row, d *client.DeliveryDetail) (failed, interrupted int)
	state    string // in which it then is

	began time.Time    // the row
	kills int64        // until then
	rows  atomic.Int64 // that were checked
}

// look checks the row if it has ended, and begins the next one. What counts is in the history as often as the contract says,
// except for requests that were under way beside the last one, and for those of a node that was killed.
func (p *pair) look(r *row) {
	var e *client.Endpoint
	p.call("read "+r.path, func(ctx context.Context, c *client.Client) (err error) {
		e, err = c.Endpoint(ctx, "acme", r.endpoint)
		return err
	})
	if e == nil || e.State == "active" {
		return
	}
	if e.State != r.state || e.StateReason != "failing_often" && e.StateReason != "failing_long" {
		p.t.Errorf("%s is %s because of %q", r.path, e.State, e.StateReason)
	}
	kills, ended := p.kills.Load(), time.Now()
	if r.counts != nil {
		var failed, interrupted, died int
		// The state is stored apart from the results that led to it. It may be there before them, and they are lost if
		// the node is killed then.
		eventually(p.t, fmt.Sprintf("%s was given up in the row from %v to %v, and enough failures are in the history", r.path, r.began, ended), func() bool {
			failed, interrupted = p.history(r)
			died = int(p.kills.Load() - r.kills)
			return died > 0 || failed+interrupted >= r.after || p.t.Failed()
		})
		if failed > r.after+r.width-1+died*r.width {
			p.t.Errorf("%s was given up in the row from %v to %v, after %d failures instead of %d, %d kills", r.path, r.began, ended, failed, r.after, died)
		}
	} else if took := ended.Sub(r.began); took < time.Duration(r.after)*time.Second {
		p.t.Errorf("%s was given up after %v, want %d s", r.path, took, r.after)
	}
	r.rows.Add(1)
	r.began, r.kills = time.Now(), kills
	p.call("resume "+r.path, func(ctx context.Context, c *client.Client) error {
		_, err := c.ResumeEndpoint(ctx, "acme", r.endpoint)
		return err
	})
}

// history counts the failures and the interrupted attempts of a row that are stored.
func (p *pair) history(r *row) (failed, interrupted int) {
	p.call("read the history of "+r.path, func(ctx context.Context, c *client.Client) error {
		failed, interrupted = 0, 0
		list, err := every(func(page client.Paging) (*client.List[client.Delivery], error) {
			return c.Deliveries(ctx, "acme", client.DeliveryFilter{Endpoint: r.endpoint, Paging: page})
		})
		for i := 0; i < len(list) && err == nil; i++ {
			if list[i].Attempts == 0 || list[i].FinishedAt != nil && list[i].FinishedAt.Before(r.began) {
				continue
			}
			var d *client.DeliveryDetail
			if d, err = c.Delivery(ctx, "acme", list[i].ID); err == nil {
				f, n := r.counts(r, d)
				failed, interrupted = failed+f, interrupted+n
			}
		}
		return err
	})
	return failed, interrupted
}

// failedAttempts counts the attempts that ended in the row.
func failedAttempts(r *row, d *client.DeliveryDetail) (failed, interrupted int) {
	for _, a := range d.AttemptList {
		if end := a.StartedAt.Add(time.Duration(a.TimingMS.Total * float64(time.Millisecond))); end.Before(r.began) {
			continue
		}
		if a.Interrupted {
			interrupted++
		} else if a.Error != nil {
			failed++
		}
	}
	return failed, interrupted
}

// failedDeliveries counts a delivery if it ended as failed in the row.
func failedDeliveries(r *row, d *client.DeliveryDetail) (failed, interrupted int) {
	if d.State == "failed" && d.FinishedAt.After(r.began) {
		failed = 1
	}
	return failed, 0
}

// every reads a list page by page.
func every[T any](page func(p client.Paging) (*client.List[T], error)) (items []T, err error) {
	for p := (client.Paging{Limit: 200}); ; {
		list, err := page(p)
		if err != nil {
			return nil, err
		}
		items = append(items, list.Items...)
		if list.NextCursor == nil {
			return items, nil
		}
		p.Cursor = *list.NextCursor
	}
}

func (r *row) String() string { return fmt.Sprintf("%s: %d rows", r.path, r.rows.Load()) }
