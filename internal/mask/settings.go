package mask

import (
	"slices"
	"strconv"

	"gancho/internal/rawjson"
)

// Settings says where the secrets are in a JSON document: a list of patterns, see [rawjson.ParsePattern]. The nil
// Settings has no secrets.
type Settings [][]string

// Find lists the paths of the secrets that a document has.
func (s Settings) Find(doc []byte) (paths [][]string) {
	for _, pattern := range s {
		for _, path := range rawjson.Paths(doc, pattern) {
			if token, _ := rawjson.Lookup(doc, path...); rawjson.KindOf(token) != 'n' {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// Secrets lists the secrets in a document, see [InSetting].
func (s Settings) Secrets(doc []byte) (secrets []string) {
	for _, path := range s.Find(doc) {
		token, _ := rawjson.Lookup(doc, path...)
		secrets = append(secrets, InSetting(rawjson.Text(token))...)
	}
	return secrets
}

// Hide is a document as people may see it: the mask in the place of each secret, everything else byte for byte.
func (s Settings) Hide(doc []byte) []byte { return Fields(s).Hide(doc) }

// Masked lists the paths where a document has the mask instead of a secret.
func (s Settings) Masked(doc []byte) (paths [][]string) {
	for _, path := range s.Find(doc) {
		if token, _ := rawjson.Lookup(doc, path...); Is(token) {
			paths = append(paths, path)
		}
	}
	return paths
}

// Restore puts stored secrets into the place of their masks, in a document that somebody read, changed elsewhere and
// sent back. A mask within a list stands for the secret of the entry that looked like this one, wherever it stands now.
// A mask that stands for no stored secret stays; [Settings.Masked] finds it.
func (s Settings) Restore(given, stored []byte) []byte {
	if rawjson.KindOf(given) != '{' {
		return given
	}
	for _, path := range s.Masked(given) {
		if secret, ok := s.behind(given, stored, path); ok {
			given = rawjson.Replace(given, secret, path...)
		}
	}
	return given
}

// behind is the stored secret that the mask at a path of given stands for. The entry of a list is found by how it looks
// with masks on. An entry that was edited in its place keeps its secret, unless another entry looks like the stored one.
func (s Settings) behind(given, stored []byte, path []string) ([]byte, bool) {
	path = slices.Clone(path)
	given, shown := s.Hide(given), s.Hide(stored)
	for i := 1; i < len(path); i++ {
		list, _ := rawjson.Lookup(given, path[:i]...)
		want := rawjson.Elements(list)
		n, err := strconv.Atoi(path[i])
		if err != nil || n >= len(want) {
			continue // no list
		}
		list, _ = rawjson.Lookup(shown, path[:i]...)
		have := rawjson.Elements(list)
		index := func(in [][]byte, e []byte) int {
			return slices.IndexFunc(in, func(x []byte) bool { return rawjson.Same(x, e) })
		}
		switch k := index(have, want[n]); {
		case n < len(have) && rawjson.Same(have[n], want[n]):
		case k >= 0:
			path[i] = strconv.Itoa(k)
		case len(have) != len(want) || index(want, have[n]) >= 0:
			return nil, false
		}
	}
	return rawjson.Lookup(stored, path...)
}
