package contract

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Set is the contracts of a running node: the current one of each name, and
// older versions for deliveries that were frozen under them. Reading takes no
// lock. The zero Set is empty and ready.
type Set struct {
	mu    sync.Mutex // one writer at a time
	state atomic.Pointer[setState]
}

type setState struct {
	current map[string]*Contract
	all     map[versionKey]*Contract
	list    []*Contract // current, by name
}

type versionKey struct {
	name    string
	version int64
}

func (s *Set) load() *setState {
	if st := s.state.Load(); st != nil {
		return st
	}
	return &setState{}
}

// Add puts a contract in under its name and version. It becomes the current one
// of its name unless a higher version is there.
func (s *Set) Add(c *Contract) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.load()
	st := &setState{current: maps.Clone(old.current), all: maps.Clone(old.all)}
	if st.current == nil {
		st.current, st.all = map[string]*Contract{}, map[versionKey]*Contract{}
	}
	st.all[versionKey{c.Name, c.Version}] = c
	if now := st.current[c.Name]; now == nil || c.Version >= now.Version {
		st.current[c.Name] = c
	}
	st.list = slices.SortedFunc(maps.Values(st.current), func(a, b *Contract) int { return cmp.Compare(a.Name, b.Name) })
	s.state.Store(st)
}

// Lookup is the current contract of a name.
func (s *Set) Lookup(name string) (*Contract, bool) {
	c, ok := s.load().current[name]
	return c, ok
}

// At is the contract of a name in one version.
func (s *Set) At(name string, version int64) (*Contract, bool) {
	c, ok := s.load().all[versionKey{name, version}]
	return c, ok
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
