package contract

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"gancho/internal/hook"
)

// Set has the contracts of a running node: the current version of each, and older
// versions for deliveries that were first attempted under them. It may change while
// others read it: readers take no lock and never see half a change. The zero Set is
// empty and ready to use.
type Set struct {
	// Schemes are the schemes that the URLs of endpoints may have, in lower case: those
	// that something can send to. nil means https and http. It must be set before the
	// first contract is added.
	Schemes []string

	mu    sync.Mutex // held by whoever changes the set
	state atomic.Pointer[setState]
}

// setState is what readers see. It never changes; each change makes a new one.
type setState struct {
	current map[string]*Contract
	list    []*Contract          // current, by name
	stored  map[string][]version // by name, the newest first
	shaping map[string]bool      // by name: the choice of an operator, which overrules the contract
}

// version is one version of a contract. It is compiled when somebody first asks for it,
// because most older versions are never used again.
type version struct {
	number int64
	get    func() *Contract // returns nil if this program cannot compile the version
}

func (s *Set) load() *setState {
	if st := s.state.Load(); st != nil {
		return st
	}
	return &setState{}
}

// change replaces the state by a changed copy.
func (s *Set) change(apply func(*setState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.load()
	next := &setState{current: maps.Clone(old.current), stored: maps.Clone(old.stored), shaping: maps.Clone(old.shaping)}
	if next.current == nil {
		next.current, next.stored = map[string]*Contract{}, map[string][]version{}
	}
	if next.shaping == nil {
		next.shaping = map[string]bool{}
	}
	apply(next)
	next.list = slices.SortedFunc(maps.Values(next.current), func(a, b *Contract) int { return cmp.Compare(a.Name, b.Name) })
	s.state.Store(next)
}

// Add adds a version of a contract. It becomes the current version of its name, unless
// a higher version is current.
func (s *Set) Add(c *Contract) {
	c = s.withSchemes(c)
	s.change(func(st *setState) {
		st.insert(c.Name, version{c.Version, func() *Contract { return c }})
		if now := st.current[c.Name]; now == nil || c.Version >= now.Version {
			st.current[c.Name] = st.withShaping(c)
		}
	})
}

// AddOlder adds a version that is not the current one, as text.
func (s *Set) AddOlder(t hook.ContractText) {
	s.change(func(st *setState) {
		st.insert(t.Name, version{t.Version, sync.OnceValue(func() *Contract {
			c, err := ParseStored(t.Name+".yaml", t.Source)
			if err != nil { // the set behaves as if there were no such version
				return nil
			}
			return s.withSchemes(c.WithVersion(t.Version))
		})})
	})
}

// withSchemes is the contract with the schemes of the set.
func (s *Set) withSchemes(c *Contract) *Contract {
	if s.Schemes == nil {
		return c
	}
	d := *c
	d.schemes = s.Schemes
	return &d
}

func (st *setState) insert(name string, v version) {
	list := slices.DeleteFunc(slices.Clone(st.stored[name]), func(x version) bool { return x.number == v.number })
	list = append(list, v)
	slices.SortFunc(list, func(a, b version) int { return cmp.Compare(b.number, a.number) })
	st.stored[name] = list
}

// SetShaping overrules the contract of a name in whether endpoints may have a filter and
// a transformation; nil takes that back.
func (s *Set) SetShaping(name string, on *bool) {
	s.change(func(st *setState) {
		delete(st.shaping, name)
		if on != nil {
			st.shaping[name] = *on
		}
		now := st.current[name]
		if now == nil {
			return
		}
		for _, v := range st.stored[name] {
			if v.number == now.Version {
				st.current[name] = st.withShaping(v.get())
			}
		}
	})
}

// shaped is a contract with the operator's choice about shaping, if there is one.
func (st *setState) withShaping(c *Contract) *Contract {
	on, said := st.shaping[c.Name]
	if !said || on == c.endpoint.shaping {
		return c
	}
	d := *c
	d.endpoint.shaping = on
	return &d
}

// Has reports whether the set has a version of a contract.
func (s *Set) Has(name string, number int64) bool {
	return slices.ContainsFunc(s.load().stored[name], func(v version) bool { return v.number == number })
}

// Lookup returns the current version of the contract of a name.
func (s *Set) Lookup(name string) (*Contract, bool) {
	c, ok := s.load().current[name]
	return c, ok
}

// At returns one version of the contract of a name.
func (s *Set) At(name string, number int64) (*Contract, bool) { return s.load().at(name, number) }

func (st *setState) at(name string, number int64) (*Contract, bool) {
	if c := st.current[name]; c != nil && c.Version == number {
		return c, true
	}
	for _, v := range st.stored[name] {
		if v.number == number {
			if c := v.get(); c != nil {
				return st.withShaping(c), true
			}
		}
	}
	return nil, false
}

// For is the version of its contract that an endpoint is served by: the newest one that
// its configuration satisfies. Usually that is the current version. If a new version
// requires something that the endpoint lacks, for example a setting, the endpoint stays
// with an older version until somebody edits it. An endpoint that satisfies no version is
// served by the current one.
func (s *Set) For(e *hook.Endpoint) (*Contract, bool) {
	st := s.load()
	current, ok := st.current[e.Contract]
	if !ok || len(st.stored[e.Contract]) == 1 || len(current.Misfits(e)) == 0 {
		return current, ok
	}
	for _, v := range st.stored[e.Contract] {
		if v.number >= current.Version {
			continue
		}
		if c, ok := st.at(e.Contract, v.number); ok && len(c.Misfits(e)) == 0 {
			return c, true
		}
	}
	return current, true
}

// Misfits lists the reasons why the contract cannot serve an endpoint; nil if it can.
func (c *Contract) Misfits(e *hook.Endpoint) []hook.FieldError {
	out := c.CheckEndpoint(e.Config)
	if c.Scheme() != nil && len(e.Secrets) == 0 {
		out = append(out, hook.Field("/secret", "secret_missing",
			"The contract signs, and this endpoint has no signing secret."))
	}
	if c.Scheme() != nil && len(e.Secrets) > 0 && c.Scheme().Check(e.Secrets[0].Text) != nil {
		out = append(out, hook.Field("/secret", "secret_of_other_scheme",
			"The contract signs with {scheme}, and the signing secret of this endpoint is of another kind.", "scheme", c.Scheme().Name))
	}
	if e.Config.Credential == nil && c.NeedsCredential() {
		out = append(out, hook.Field("/contract", "credential_missing",
			"The contract puts a credential into requests, and this endpoint was made without one."))
	}
	return out
}

// All lists the current contracts by name.
func (s *Set) All() []*Contract {
	return slices.Clone(s.load().list)
}

// Route is the look-up route that takes a path, with the contract it belongs to
// and the key of the record in the path, see [Contract.FindLookup]. Of two
// contracts with the same path the first by name has it.
func (s *Set) Route(path string) (c *Contract, route Lookup, key string, ok bool) {
	for _, c := range s.load().list {
		if route, key, ok := c.FindLookup(path); ok {
			return c, route, key, true
		}
	}
	return nil, Lookup{}, "", false
}
