// Package catalog puts contracts into force while a node runs. There is one way for that,
// wherever a contract comes from: the program, a file, the API or another node.
//
// It promises:
//
//   - A version is in force only once it is stored, so it is in force after a restart, too.
//   - A contract with a mistake is refused as a whole. The version in force stays.
//   - If the version in force asks for no handshake, no endpoint waits for one.
//   - The functions of [Catalog.Watch] are called after the new version is in the set, so
//     they find the new one.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Store is what the catalog needs of the database.
type Store interface {
	// PutContract stores a new version if the source is new for its origin: a posted one
	// always is, a file's if it differs from the last one of the directory. A shipped one
	// does not replace an operator's. It returns the newest version and whether it is this one.
	// It fails with [hook.ErrChangedMeanwhile] if only does not hold for the newest version.
	PutContract(ctx context.Context, name string, source []byte, origin hook.ContractOrigin, only hook.Precondition) (
		version int64, created bool, err error)
	// AllowSealing has to be called before a contract that seals payloads comes into force. It fails with KindConflict if
	// nodes of the release before are running.
	AllowSealing(ctx context.Context) error
	// ContractVersions are all versions, ordered by name and version, without their sources.
	ContractVersions(ctx context.Context) ([]hook.ContractText, error)
	ContractAt(ctx context.Context, name string, version int64) (hook.ContractText, error)
	// ContractShaping is what operators have set with SetContractShaping, by contract.
	ContractShaping(ctx context.Context) (map[string]bool, error)
	SetContractShaping(ctx context.Context, contract string, on *bool) error
	// ContractEndpoints lists up to n endpoints of a contract, of all tenants, in the order
	// of their ids, from the one after the given id.
	ContractEndpoints(ctx context.Context, contract string, after hook.EndpointID, n int) ([]*hook.Endpoint, error)
	// UnverifiedEndpoints is the same for endpoints that wait for a right answer to a handshake.
	UnverifiedEndpoints(ctx context.Context, contract string, after hook.EndpointID, n int) ([]*hook.Endpoint, error)
	// UpdateEndpoint stores nothing, and is not ok, if the endpoint was changed since it was read.
	UpdateEndpoint(ctx context.Context, e *hook.Endpoint, newConfig bool) (ok bool, err error)
}

// Catalog has the contracts of one node. Its methods may be called from any goroutine.
type Catalog struct {
	store Store
	log   *slog.Logger
	set   contract.Set
	watch []func(hook.Change)

	mu sync.Mutex // one change at a time
}

// New makes an empty catalog.
func New(store Store, log *slog.Logger) *Catalog { return &Catalog{store: store, log: log} }

// Set has the contracts in force. It is always up to date and may be read at any time.
func (k *Catalog) Set() *contract.Set { return &k.set }

// Watch makes the catalog call fn after each change of a contract, with its name. fn must
// be quick. Call Watch before all other methods.
func (k *Catalog) Watch(fn func(hook.Change)) { k.watch = append(k.watch, fn) }

// changed calls the functions of Watch.
func (k *Catalog) changed(name string) {
	for _, fn := range k.watch {
		fn(hook.Change{Contract: name})
	}
}

// ImportShipped puts the contracts into force that come with the program. An error about
// one of them is a mistake in the program.
func (k *Catalog) ImportShipped(ctx context.Context, files fs.FS) error {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return err
	}
	for _, file := range names {
		c, err := contract.Load(files, file)
		if err != nil {
			return fmt.Errorf("shipped contract: %w", err)
		}
		if want := strings.TrimSuffix(file, ".yaml"); c.Name != want {
			return fmt.Errorf("shipped contract %s calls itself %q", file, c.Name)
		}
		if _, err := k.put(ctx, c, hook.ContractShipped, hook.Precondition{}); err != nil {
			return err
		}
	}
	return nil
}

// Put puts a contract into force that an operator sent. The error is a
// *[contract.Problems] if the contract's own tests fail.
func (k *Catalog) Put(ctx context.Context, c *contract.Contract, only hook.Precondition) (hook.StoredContract, error) {
	if wrong := c.FailedTests(c.Name + ".yaml"); wrong != nil {
		return hook.StoredContract{}, wrong
	}
	return k.put(ctx, c, hook.ContractPosted, only)
}

// put stores a contract and puts it into force.
func (k *Catalog) put(
	ctx context.Context, c *contract.Contract, origin hook.ContractOrigin, only hook.Precondition,
) (hook.StoredContract, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c.SealsPayloads() {
		if err := k.store.AllowSealing(ctx); err != nil {
			return hook.StoredContract{}, err
		}
	}
	version, created, err := k.store.PutContract(ctx, c.Name, c.Source, origin, only)
	if err != nil {
		return hook.StoredContract{}, err
	}
	stored := hook.StoredContract{Version: version, Created: created}
	if !created {
		if !k.set.Has(c.Name, version) { // another node has stored it
			err = k.reloadAll(ctx)
		}
		return stored, err
	}
	// It is stored, so it comes into force even if the caller does not wait any more.
	ctx = context.WithoutCancel(ctx)
	k.set.Add(c.WithVersion(version))
	k.changed(c.Name)
	k.log.Info("contract in force", "contract", c.Name, "version", version, "origin", origin)
	k.release(ctx, c.Name)
	stored.KeptBack, _, err = k.KeptBack(ctx, c)
	if err != nil {
		k.log.Error("endpoints of the contract not checked", "contract", c.Name, "error", err)
	}
	for _, e := range stored.KeptBack {
		k.log.Warn("endpoint stays with an older version of its contract",
			"contract", c.Name, "tenant", e.Tenant, "endpoint", e.Endpoint, "version", e.Version,
			"problem", e.Fields[0].Pointer+": "+e.Fields[0].Detail)
	}
	return stored, nil
}

// release makes the endpoints of a contract active that waited for the answer to a handshake which the version that
// serves them does not ask for. A failure is logged: the next start tries again.
func (k *Catalog) release(ctx context.Context, name string) {
	if c, ok := k.set.Lookup(name); !ok || c.Verifies() {
		return
	}
	const page = 200
	var after hook.EndpointID
	for {
		endpoints, err := k.store.UnverifiedEndpoints(ctx, name, after, page)
		for _, e := range endpoints {
			if err != nil {
				break
			}
			if serving, ok := k.set.For(e); ok && !serving.Verifies() && !e.Unreadable {
				e.State, e.StateReason = hook.EndpointActive, ""
				var done bool
				if done, err = k.store.UpdateEndpoint(ctx, e, false); err == nil && !done {
					break // somebody changed it meanwhile: it is read again
				}
			}
			after = e.ID
		}
		if err != nil {
			k.log.Error("endpoints that waited for a handshake are not active yet", "contract", name, "error", err)
			return
		}
		if len(endpoints) == 0 {
			return
		}
	}
}

// maxKeptBack bounds the list of endpoints, which a person has to read.
const maxKeptBack = 100

// KeptBack lists the endpoints whose configuration does not satisfy a contract, at most a
// hundred, and counts all endpoints of the contract. They stay with the newest version that they
// do satisfy. The contract need not be stored.
func (k *Catalog) KeptBack(ctx context.Context, c *contract.Contract) (list []hook.KeptBack, count int, err error) {
	const page = 200
	var after hook.EndpointID
	for {
		endpoints, err := k.store.ContractEndpoints(ctx, c.Name, after, page)
		if err != nil {
			return list, count, err
		}
		count += len(endpoints)
		for _, e := range endpoints {
			if after = e.ID; len(list) == maxKeptBack {
				continue
			}
			fields := c.Misfits(e)
			if len(fields) == 0 {
				continue
			}
			kept := hook.KeptBack{Tenant: e.Tenant, Endpoint: e.ID, Fields: fields}
			if now, ok := k.set.For(e); ok {
				kept.Version = now.Version
			}
			list = append(list, kept)
		}
		if len(endpoints) < page {
			return list, count, nil
		}
	}
}

// SetShaping allows or forbids that endpoints of a contract shape their requests, whatever
// the contract says; nil goes back to what the contract says. It holds for all versions, also
// later ones.
func (k *Catalog) SetShaping(ctx context.Context, name string, on *bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.set.Lookup(name); !ok {
		return &hook.Error{Kind: hook.KindNotFound, Code: "contract_not_found", Detail: k.set.NoContract(name).Detail}
	}
	if err := k.store.SetContractShaping(ctx, name, on); err != nil {
		return err
	}
	k.set.SetShaping(name, on)
	k.changed(name)
	return nil
}

// Reload puts stored versions into force that this node does not have: at the start all,
// later those that other nodes have stored. It costs little if there are none.
func (k *Catalog) Reload(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reloadAll(ctx)
}

// reloadAll is Reload. The caller holds k.mu.
func (k *Catalog) reloadAll(ctx context.Context) error {
	shaping, err := k.store.ContractShaping(ctx)
	if err != nil {
		return err
	}
	versions, err := k.store.ContractVersions(ctx)
	if err != nil {
		return err
	}
	byName := map[string][]hook.ContractText{}
	var names []string
	for _, v := range versions {
		if len(byName[v.Name]) == 0 {
			names = append(names, v.Name)
		}
		byName[v.Name] = append(byName[v.Name], v)
	}
	for _, name := range names {
		changed, err := k.reload(ctx, byName[name])
		if err != nil {
			return err
		}
		if k.reshape(name, shaping) || changed {
			k.changed(name)
		}
		if changed {
			k.release(ctx, name)
		}
	}
	return nil
}

// reload puts the versions of one contract into the set. They are ordered, the oldest
// first. The newest one that this program can read becomes the current one.
func (k *Catalog) reload(ctx context.Context, versions []hook.ContractText) (changed bool, err error) {
	current := int64(0)
	if c, ok := k.set.Lookup(versions[0].Name); ok {
		current = c.Version
	}
	found := false
	for i := len(versions) - 1; i >= 0; i-- {
		v := versions[i]
		if k.set.Has(v.Name, v.Version) {
			found = found || v.Version == current
			continue
		}
		text, err := k.store.ContractAt(ctx, v.Name, v.Version)
		if err != nil {
			return changed, err
		}
		changed = true
		if found || v.Version < current {
			k.set.AddOlder(text)
			continue
		}
		c, err := contract.ParseStored(v.Name+".yaml", text.Source)
		if err != nil { // a newer program has stored it; the version before stays in force
			k.log.Error("a stored contract is not understood by this version of Gancho; the version before it is used",
				"contract", v.Name, "version", v.Version, "error", err)
			k.set.AddOlder(text)
			continue
		}
		k.set.Add(c.WithVersion(v.Version))
		found = true
	}
	return changed, nil
}

// reshape sets in the set what operators have set, and reports whether that changed anything.
func (k *Catalog) reshape(name string, stored map[string]bool) (changed bool) {
	before, ok := k.set.Lookup(name)
	if !ok {
		return false
	}
	var on *bool
	if v, ok := stored[name]; ok {
		on = &v
	}
	k.set.SetShaping(name, on)
	after, _ := k.set.Lookup(name)
	return before.AllowsShaping() != after.AllowsShaping()
}

// explain logs an error about a contract, with a line for each problem.
func (k *Catalog) explain(what string, err error) {
	problems, ok := errors.AsType[*contract.Problems](err)
	if !ok {
		k.log.Error(what, "error", err)
		return
	}
	for _, p := range problems.List {
		k.log.Error(what, "file", p.File, "line", p.Line, "column", p.Column, "problem", p.Message, "fix", p.Fix)
	}
}
