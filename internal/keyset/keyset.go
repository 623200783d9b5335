// Package keyset fetches the documents with the public keys that requests are verified with, and keeps them.
//
// Strangers send the requests, and a request can say which key it wants. So the package promises:
//   - A document is fetched by the transport that sends messages, so the same addresses are refused. Its address has been
//     compared with the contract before (see [sign.Scheme.Wanted]), no redirect is followed, and time and size are bounded.
//   - One fetch at a time for the same document, which goes on if its request ends. Who waits meanwhile gets its result.
//   - A document is kept for as long as its server says, within bounds, and a day longer if it cannot be fetched again.
//   - A key that a document does not have, or a document that cannot be had, is looked for once a minute. New addresses at a
//     host of the contract share a budget, also those at the many hosts that sns.*.example.com stands for, and asking for
//     them drops no document that is in use.
package keyset

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"gancho/internal/cache"
	"gancho/internal/hook"
	"gancho/internal/send"
	"gancho/internal/sign"
)

// Limits of fetching.
const (
	maxDocuments = 2000             // that are kept
	maxHosts     = 1000             // whose budgets are kept
	usualAge     = time.Hour        // of a document whose server says nothing
	leastAge     = 5 * time.Minute  // even if the server says less
	mostAge      = 24 * time.Hour   // even if the server says more
	staleFor     = 24 * time.Hour   // after that, while it cannot be fetched again
	between      = time.Minute      // two fetches of the same document
	timeout      = 10 * time.Second // of a fetch
	budget       = 30               // new addresses at a host of the contract, each minute
)

// Keys fetches and keeps public keys. It is safe for concurrent use; make it with [New].
type Keys struct {
	over send.Transport
	now  func() time.Time

	mu        sync.Mutex // for finding or making an entry
	documents *cache.Cache[*document]
	hosts     *cache.Cache[*spent]
}

// New makes a Keys that fetches through a transport, which has to know tokens if contracts want them. nil stands for
// time.Now.
func New(over send.Transport, now func() time.Time) *Keys {
	if now == nil {
		now = time.Now
	}
	return &Keys{over: over, now: now, documents: cache.New[*document](maxDocuments, 0), hosts: cache.New[*spent](maxHosts, 0)}
}

// spent is what a host has cost in the minute that began.
type spent struct {
	began time.Time
	n     int
}

// document is one that was fetched, or that could not be. Who fetches holds turn, so that all others wait for it.
type document struct {
	turn chan struct{}

	mu      sync.Mutex
	keys    *sign.PublicKeys // nil: it was never there
	fresh   time.Time        // until then it is not fetched again
	tried   time.Time        // when it was fetched last, with whatever result; zero: never
	problem error            // of that; nil: it worked
}

// Get returns the keys that a request of a tenant is verified with. Whether the wanted key is among them says
// [sign.Verifier]. The error wraps [sign.ErrKey], or is that of the context.
func (k *Keys) Get(ctx context.Context, tenant string, w *sign.Wanted) (*sign.PublicKeys, error) {
	d, err := k.document(tenant, w)
	if err != nil {
		return nil, err
	}
	if keys, done, err := d.kept(w, k.now()); done {
		return keys, err
	}
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if keys, done, err := d.kept(w, k.now()); done { // somebody else fetched it meanwhile
		<-d.turn
		return keys, err
	}
	// The fetch goes on if the request ends, for at most the time-out. A stranger who hangs up at once and comes again
	// would otherwise cause one fetch after the other, of which none tells us anything.
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		defer func() { <-d.turn }()
		keys, age, err := k.fetch(context.WithoutCancel(ctx), tenant, w)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tried, d.problem = k.now(), err
		if err == nil {
			d.keys, d.fresh = keys, d.tried.Add(age)
		}
	}()
	select {
	case <-fetched:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.usable(k.now())
}

// document is the entry for a document. A new one is charged to the budget of its host.
func (k *Keys) document(tenant string, w *sign.Wanted) (*document, error) {
	what, err := json.Marshal([]any{tenant, w.URL, w.Source, w.OAuth2})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(what)
	k.mu.Lock()
	defer k.mu.Unlock()
	if d, ok := k.documents.Lookup(string(sum[:])); ok {
		return d, nil
	}
	host, now := tenant+"\x00"+w.Host, k.now()
	s, ok := k.hosts.Lookup(host)
	if !ok {
		s = &spent{}
		k.hosts.Add(host, s)
	}
	if now.Sub(s.began) >= time.Minute {
		s.began, s.n = now, 0
	}
	if s.n++; s.n > budget {
		return nil, fmt.Errorf("%w: too many addresses of %s were asked for within a minute", sign.ErrKey, w.Host)
	}
	d := &document{turn: make(chan struct{}, 1)}
	k.documents.Add(string(sum[:]), d)
	return d, nil
}

// kept is what is known without a fetch. done is false if one may help.
func (d *document) kept(w *sign.Wanted, now time.Time) (keys *sign.PublicKeys, done bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys != nil && now.Before(d.fresh) && d.keys.Has(w.KeyID) || !d.tried.IsZero() && now.Sub(d.tried) < between {
		keys, err = d.usable(now)
		return keys, true, err
	}
	return nil, false, nil
}

// usable are the keys, or why there are none. The caller holds d.mu.
func (d *document) usable(now time.Time) (*sign.PublicKeys, error) {
	if d.keys != nil && now.Before(d.fresh.Add(staleFor)) {
		return d.keys, nil
	}
	return nil, d.problem
}

// fetch gets a document, and how long it is good.
func (k *Keys) fetch(ctx context.Context, tenant string, w *sign.Wanted) (*sign.PublicKeys, time.Duration, error) {
	reply := k.over.Send(ctx, &send.Message{
		Tenant: tenant, Target: w.URL,
		Headers: []hook.Header{{Name: "User-Agent", Value: "Gancho"}, {Name: "Accept", Value: "*/*"}},
		Attributes: send.Attributes{
			Method: nethttp.MethodGet, Timeout: timeout, Resend: true, WholeAnswer: true, OAuth2: w.OAuth2,
		},
	})
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", sign.ErrKey, fmt.Sprintf(format, args...))
	}
	if reply.Class != "" {
		return nil, 0, wrong("its document could not be fetched. %s", strings.TrimSuffix(reply.Detail, "."))
	}
	body, whole := reply.Response.All()
	switch {
	case reply.Response.Status != nethttp.StatusOK:
		return nil, 0, wrong("the server of its document answered %d", reply.Response.Status)
	case !whole:
		return nil, 0, wrong("its document is longer than %d bytes", sign.MaxKeyDocument)
	}
	keys, err := w.Source.Read(body)
	return keys, age(reply.Response.Headers), err
}

// age is how long an answer is good, as its server says in Cache-Control and Age, within our bounds.
func age(headers []hook.Header) time.Duration {
	out, old := usualAge, time.Duration(0)
	for _, h := range headers {
		switch {
		case strings.EqualFold(h.Name, "Age"):
			if n, err := seconds(h.Value); err == nil {
				old = n
			}
		case strings.EqualFold(h.Name, "Cache-Control"):
			for part := range strings.SplitSeq(h.Value, ",") {
				name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
				switch name {
				case "no-store", "no-cache":
					return leastAge
				case "max-age":
					if n, err := seconds(strings.Trim(value, `"`)); err == nil {
						out = n
					}
				}
			}
		}
	}
	return min(max(out-old, leastAge), mostAge)
}

var errNoSeconds = errors.New("no number of seconds")

// seconds reads a number of seconds, at most a year.
func seconds(text string) (time.Duration, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 {
		return 0, errNoSeconds
	}
	const year = 365 * 24 * 3600
	return time.Duration(min(n, year)) * time.Second, nil
}
