package admin

import (
	"context"

	"gancho/internal/hook"
)

// PeopleStore is what [People] need of the database.
type PeopleStore interface {
	// NoteReveal writes into the audit that the actor of ctx looked at the personal data of an object.
	NoteReveal(ctx context.Context, tenant, object string) error
}

// People has the use cases that are about the personal data of people.
type People struct {
	Store PeopleStore
}

// Reveal decides whether the holder of a key may see the personal data of an object, and notes that in the audit. The
// code of its error is personal_forbidden.
func (x People) Reveal(ctx context.Context, k *hook.Key, tenant, object string) error {
	if !k.MayReveal() {
		return &hook.Error{
			Kind: hook.KindForbidden, Code: "personal_forbidden",
			Detail: "This key may not see personal data. Use one of role operator or tenant that has the scope personal:read.",
		}
	}
	return x.Store.NoteReveal(ctx, tenant, object)
}
