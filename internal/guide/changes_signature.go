package guide

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"gancho/internal/sign"
)

// signature compares how requests are signed.
func (c *comparison) signature() {
	path := []string{"endpoint", "sign"}
	old, now := c.before.contract.Scheme(), c.after.contract.Scheme()
	switch {
	case old == nil && now == nil:
	case old == nil:
		c.tells("signature_new", path)
	case now == nil:
		c.breaks("signature_gone", path)
	default:
		c.schemes(path, schemesOf(old), schemesOf(now))
	}
}

// schemesOf are the signatures that each request has.
func schemesOf(s *sign.Scheme) []*sign.Scheme {
	if s.Parts != nil {
		return s.Parts
	}
	return []*sign.Scheme{s}
}

// schemes compares the signatures that each request has. One that stays as it was is what receivers go on with.
func (c *comparison) schemes(path []string, old, now []*sign.Scheme) {
	var gone, added []*sign.Scheme
	for _, s := range old {
		if !slices.ContainsFunc(now, func(x *sign.Scheme) bool { return signAlike(s, x) }) {
			gone = append(gone, s)
		}
	}
	for _, s := range now {
		if !slices.ContainsFunc(old, func(x *sign.Scheme) bool { return signAlike(s, x) }) {
			added = append(added, s)
		}
	}
	for i, s := range gone {
		if i >= len(added) {
			c.breaks("signature_one_gone", path, "name", s.Name)
			continue
		}
		if s.Description == nil || added[i].Description == nil {
			c.breaks("signature", path, "old", s.Name, "new", added[i].Name)
			continue
		}
		c.described(path, *s.Description, *added[i].Description)
	}
	for _, s := range added[min(len(gone), len(added)):] {
		c.tells("signature_one_new", path, "name", s.Name)
	}
}

// described compares two descriptions of a signature, which differ.
func (c *comparison) described(path []string, old, now sign.Description) {
	tokens := (old.JWT == nil) == (now.JWT == nil) // a token has its own form
	for _, word := range []struct{ key, old, new string }{
		{"algorithm", old.Algorithm, now.Algorithm},
		{"key", old.Key, now.Key},
		{"over", overOf(old), overOf(now)},
		{"encoding", old.Encoding, now.Encoding},
		{"timestamp", timestampOf(old), timestampOf(now)},
	} {
		if word.old != word.new && (tokens || word.key != "over" && word.key != "encoding") {
			c.breaks("signature_"+word.key, append(slices.Clone(path), word.key), "old", word.old, "new", word.new)
		}
	}
	name := func(p sign.Place) string { return string(p.In) + " " + strings.Join(p.Path, ".") }
	at := func(p sign.Place) []string {
		key := map[sign.Part]string{sign.InHeader: "headers", sign.InQuery: "query", sign.InBody: "body"}[p.In]
		return append(append(slices.Clone(path), key), p.Path...)
	}
	same := func(p sign.Place) func(sign.Place) bool {
		return func(x sign.Place) bool {
			return x.In == p.In && (slices.Equal(x.Path, p.Path) ||
				p.In == sign.InHeader && len(x.Path) > 0 && len(p.Path) > 0 && strings.EqualFold(x.Path[0], p.Path[0]) && slices.Equal(x.Path[1:], p.Path[1:]))
		}
	}
	for _, p := range old.Places {
		if i := slices.IndexFunc(now.Places, same(p)); len(p.Path) == 0 {
			continue
		} else if i < 0 {
			c.breaks("signature_place_gone", at(p), "place", name(p))
		} else if now.Places[i].Value != p.Value {
			c.breaks("signature_place", at(p), "place", name(p), "old", p.Value, "new", now.Places[i].Value)
		}
	}
	for _, p := range now.Places {
		if len(p.Path) > 0 && !slices.ContainsFunc(old.Places, same(p)) { // else the token is the body
			c.tells("signature_place_new", at(p), "place", name(p))
		}
	}
	switch several := append(slices.Clone(path), "several"); {
	case reflect.DeepEqual(old.Join, now.Join):
	case now.Join == nil:
		c.breaks("signature_several_gone", several)
	case old.Join == nil:
		c.breaks("signature_several_new", several)
	default:
		c.breaks("signature_several", several, "old", *old.Join, "new", *now.Join)
	}
	if old.Signed != nil && now.Signed != nil { // otherwise over, or the token, says it
		c.signedHeaders(append(slices.Clone(path), "signed"), old.Signed, now.Signed)
	}
	c.token(append(slices.Clone(path), "jwt"), old.JWT, now.JWT)
	c.publicKey(append(slices.Clone(path), "keys"), old.Keys != nil, now.Keys != nil)
}

// signedHeaders compares headers that are signed because they are listed. A receiver goes by the list that comes.
func (c *comparison) signedHeaders(path []string, old, now *sign.SignedHeaders) {
	if !slices.Equal(old.Names, now.Names) {
		c.tells("signature_listed", append(slices.Clone(path), "headers"), "old", strings.Join(old.Names, ", "), "new", strings.Join(now.Names, ", "))
	}
	visible := strings.NewReplacer("\n", `\n`)
	for _, x := range []struct{ key, old, now string }{
		{"between", old.Between, now.Between}, {"pair", old.Pair, now.Pair}, {"join", old.Join, now.Join},
	} {
		if x.old != x.now {
			c.breaks("signature_listed_"+x.key, append(slices.Clone(path), x.key), "old", visible.Replace(x.old), "new", visible.Replace(x.now))
		}
	}
}

// publicKey compares where receivers find the public key. Values are not told, because one of them is a secret.
func (c *comparison) publicKey(path []string, had, has bool) {
	switch {
	case had && !has:
		c.breaks("signature_keys_gone", path)
	case has && !had:
		c.tells("signature_keys_new", path)
	case had && has:
		for _, r := range c.rewritten {
			if key, ok := strings.CutPrefix(r.Key, "endpoint.sign.keys."); ok {
				c.breaks("signature_keys", append(slices.Clone(path), strings.Split(key, ".")...), "key", key)
			}
		}
	}
}

// overOf is what is signed; nothing in a token, which signs its claims.
func overOf(d sign.Description) string {
	if d.Over == "" && d.JWT == nil {
		return "${body}"
	}
	return d.Over
}

// timestampOf is how a time is written; "" if there is none to read.
func timestampOf(d sign.Description) string {
	var names strings.Builder
	names.WriteString(d.Over)
	for _, p := range d.Places {
		names.WriteString(p.Value)
	}
	if d.JWT != nil {
		for _, x := range slices.Concat(d.JWT.Claims, d.JWT.Header) {
			names.WriteString(x.Value)
		}
	}
	if !strings.Contains(names.String(), "timestamp") {
		return ""
	}
	return d.Timestamp
}

// token compares what JSON Web Tokens say.
func (c *comparison) token(path []string, old, now *sign.JWT) {
	switch {
	case old == nil && now == nil:
		return
	case old == nil:
		c.breaks("token_new", path)
		return
	case now == nil:
		c.breaks("token_gone", path)
		return
	}
	claims := func(key string, old, now []sign.Claim) {
		find := func(list []sign.Claim, name string) int {
			return slices.IndexFunc(list, func(x sign.Claim) bool { return x.Name == name })
		}
		for _, x := range old {
			at := append(slices.Clone(path), key, x.Name)
			if i := find(now, x.Name); i < 0 {
				c.breaks("token_claim_gone", at, "claim", x.Name)
			} else if now[i].Value != x.Value {
				c.breaks("token_claim", at, "claim", x.Name)
			}
		}
		for _, x := range now {
			if find(old, x.Name) < 0 {
				c.tells("token_claim_new", append(slices.Clone(path), key, x.Name), "claim", x.Name)
			}
		}
	}
	claims("claims", old.Claims, now.Claims)
	claims("header", old.Header, now.Header)
	at := append(slices.Clone(path), "lifetime")
	switch {
	case old.Lifetime == now.Lifetime:
	case now.Lifetime == 0:
		c.breaks("token_claim_gone", at, "claim", "exp")
	case old.Lifetime == 0:
		c.tells("token_claim_new", at, "claim", "exp")
	default:
		c.duration(at, "token", old.Lifetime, now.Lifetime, true, false)
	}
	if old.Enclosed != now.Enclosed {
		change := "token_enclosed"
		if old.Enclosed {
			change = "token_beside"
		}
		c.breaks(change, append(slices.Clone(path), "enclosed"))
	}
	if old.Detached != now.Detached {
		change := "token_detached"
		if old.Detached {
			change = "token_attached"
		}
		c.breaks(change, append(slices.Clone(path), "detached"))
	}
}

// signAlike reports whether a receiver verifies the signatures of two schemes in the same way.
func signAlike(a, b *sign.Scheme) bool {
	if a.Description == nil || b.Description == nil {
		return a.Name == b.Name && (a.Description == nil) == (b.Description == nil)
	}
	normal := func(d sign.Description) sign.Description {
		d.Secret, d.Nonce, d.Tolerance = sign.Form{}, sign.Form{}, time.Duration(0) // what receivers need not know
		d.Over, d.Timestamp = overOf(d), timestampOf(d)
		d.Places = slices.Clone(d.Places)
		for i, p := range d.Places {
			if p.In == sign.InHeader && len(p.Path) > 0 {
				d.Places[i].Path = append([]string{strings.ToLower(p.Path[0])}, p.Path[1:]...)
			}
		}
		slices.SortFunc(d.Places, func(a, b sign.Place) int {
			return strings.Compare(string(a.In)+strings.Join(a.Path, "\x00"), string(b.In)+strings.Join(b.Path, "\x00"))
		})
		if d.JWT != nil {
			j := *d.JWT
			byName := func(a, b sign.Claim) int { return strings.Compare(a.Name, b.Name) }
			j.Claims, j.Header = slices.SortedFunc(slices.Values(j.Claims), byName), slices.SortedFunc(slices.Values(j.Header), byName)
			d.JWT = &j
		}
		return d
	}
	return reflect.DeepEqual(normal(*a.Description), normal(*b.Description))
}
