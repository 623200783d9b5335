package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/cache"
	"gancho/internal/hook"
)

// Whoever tries wrong keys has to wait. Each address may fail some times at once, and then as often as its tokens come
// back; so may each beginning of a key, if somebody tries one key from many addresses. A key that was right lately is
// never asked to wait, and a right key from an address that did not fail never is either, so nobody locks others out.
// All of it is in memory, of a fixed size; a restart forgets it.
const (
	failBurst    = 20              // wrong keys at once, of an address or a beginning
	failEvery    = 3 * time.Second // another one after that
	failsKept    = 20_000          // addresses, and beginnings, that are remembered
	goodKept     = 10_000          // right keys that are remembered
	goodFor      = time.Hour       // after it was last read from the database
	prefixLen    = 8               // characters that make a beginning
	refusalsKept = 1000            // doors and addresses that are counted in a minute, the rest together
	refusalsEach = 10              // of them that get an entry of their own in the audit
	othersAddr   = ""              // of the entry for the rest
)

// Door is where somebody shows a key, a link or a token.
type Door string

// The doors.
const (
	DoorAPI     Door = "api"     // an API key, or the token of a portal session
	DoorConsole Door = "console" // an API key, to sign in
	DoorPortal  Door = "portal"  // a portal link
	DoorLookup  Door = "lookup"  // a token of a credential
)

// throttle remembers who failed.
type throttle struct {
	active atomic.Bool // set by the first failure, and never cleared: without failures there is nothing to look up
	good   *cache.Cache[struct{}]

	mu        sync.Mutex
	addresses *cache.Cache[*bucket]
	prefixes  *cache.Cache[*bucket]
	refusals  map[refusal]int // since the last entry in the audit
	observe   func(d Door, limited bool)
}

type refusal struct {
	door    Door
	address string
}

// bucket holds the failures that somebody still has.
type bucket struct {
	left float64
	at   time.Time
}

func newThrottle() *throttle {
	return &throttle{
		good: cache.New[struct{}](goodKept, goodFor), addresses: cache.New[*bucket](failsKept, 0),
		prefixes: cache.New[*bucket](failsKept, 0), refusals: map[refusal]int{}, observe: func(Door, bool) {},
	}
}

// refill adds the failures that came back since the last call.
func (b *bucket) refill(now time.Time) {
	b.left = min(failBurst, b.left+now.Sub(b.at).Seconds()/failEvery.Seconds())
	b.at = now
}

// wait is how long it takes until there is one.
func (b *bucket) wait() time.Duration { return time.Duration((1 - b.left) * float64(failEvery)) }

// network is what counts as one address: of IPv6 the network, because a customer has as many addresses as they like.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return a.String()
}

func beginning(text string) string { return text[:min(len(text), prefixLen)] }

// waits is how long somebody has to wait before they may try a text; 0: not at all.
func (t *throttle) waits(address netip.Addr, text string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	from, failed := t.addresses.Lookup(network(address))
	if !failed {
		return 0
	}
	if from.refill(now); from.left < 1 {
		return from.wait()
	}
	if from.left >= failBurst {
		return 0
	}
	if b, ok := t.prefixes.Lookup(beginning(text)); ok {
		if b.refill(now); b.left < 1 {
			return b.wait()
		}
	}
	return 0
}

// failed notes a wrong text.
func (t *throttle) failed(address netip.Addr, text string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active.Store(true)
	for _, x := range []struct {
		of  *cache.Cache[*bucket]
		key string
	}{{t.addresses, network(address)}, {t.prefixes, beginning(text)}} {
		b, ok := x.of.Lookup(x.key)
		if !ok {
			b = &bucket{failBurst, now}
			x.of.Add(x.key, b)
		}
		b.refill(now)
		b.left = max(b.left-1, 0)
	}
}

// count counts a refused try for the audit and the metrics.
func (t *throttle) count(d Door, address netip.Addr, limited bool) {
	t.observe(d, limited)
	who := refusal{d, address.String()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.refusals[who]; !ok && len(t.refusals) >= refusalsKept {
		who.address = othersAddr
	}
	t.refusals[who]++
}

// take returns what was counted since the last call: the most frequent ones, and the rest of each door together.
func (t *throttle) take() (list []refusal, counts map[refusal]int) {
	t.mu.Lock()
	all := t.refusals
	t.refusals = map[refusal]int{}
	t.mu.Unlock()
	for who := range all {
		list = append(list, who)
	}
	slices.SortFunc(list, func(x, y refusal) int { return all[y] - all[x] })
	counts = map[refusal]int{}
	for i, who := range list {
		if n := all[who]; i < refusalsEach {
			counts[who] += n
		} else {
			counts[refusal{who.door, othersAddr}] += n
		}
	}
	return slices.SortedFunc(maps.Keys(counts), func(x, y refusal) int {
		return cmp.Or(cmp.Compare(x.door, y.door), cmp.Compare(x.address, y.address))
	}), counts
}

// Observe calls fn for each try that is refused: limited, if the caller has to wait. Call it before the first request.
func (a *Auth) Observe(fn func(d Door, limited bool)) { a.throttle.observe = fn }

// MayTry decides whether the caller of a request may show a text at a door. The code of its error is too_many_tries.
func (a *Auth) MayTry(r *http.Request, d Door, text string) error {
	t := a.throttle
	if !t.active.Load() {
		return nil
	}
	hash := sha256.Sum256([]byte(text))
	if _, ok := t.good.Lookup(string(hash[:])); ok {
		return nil
	}
	wait := t.waits(Peer(r), text, time.Now())
	if wait <= 0 {
		return nil
	}
	t.count(d, Peer(r), true)
	return &hook.Error{
		Kind: hook.KindLimited, Code: "too_many_tries", RetryAfter: wait,
		Detail: "Too many wrong keys came from this address. Wait, and then send the right one.",
	}
}

// Tried notes what came of a try, and returns its error. Only a text that is wrong counts, not a failure of ours.
func (a *Auth) Tried(r *http.Request, d Door, text string, err error) error {
	switch {
	case err == nil && d == DoorLookup: // keys are remembered when they are read from the database
		a.remember(sha256.Sum256([]byte(text)))
	case hook.IsKind(err, hook.KindUnauthorized):
		a.throttle.failed(Peer(r), text, time.Now())
		a.throttle.count(d, Peer(r), false)
	}
	return err
}

// remember notes that somebody has the text of a hash.
func (a *Auth) remember(hash [32]byte) { a.throttle.good.Add(string(hash[:]), struct{}{}) }

// noteRefusals writes into the audit how often tries were refused since the last call: one entry for each of a few
// addresses, so that nobody can fill the disk.
func (a *Auth) noteRefusals(ctx context.Context) {
	list, counts := a.throttle.take()
	for _, who := range list {
		actor := hook.WithActor(ctx, hook.Actor{Kind: hook.ActorNobody, Address: who.address})
		// What cannot be stored is lost; the metrics have it.
		_ = a.store.Note(actor, hook.AuditEntry{Action: hook.ActionAccessRefused, Name: string(who.door), Count: counts[who]})
	}
}
