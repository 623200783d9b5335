package admin

import (
	"context"

	"gancho/internal/hook"
)

// SealStore is what [EncryptionKeys] need of the database.
type SealStore interface {
	SealState(ctx context.Context) (hook.SealState, error)
	// RotateSealKey begins a rotation, unless one is under way.
	RotateSealKey(ctx context.Context) error
}

// EncryptionKeys are the use cases of the keys that encrypt what is stored. All fields are needed.
type EncryptionKeys struct {
	Store SealStore
	// Begun is called after a rotation was begun.
	Begun func()
}

// State says which keys there are and how far a rotation is.
func (x EncryptionKeys) State(ctx context.Context) (hook.SealState, error) {
	return x.Store.SealState(ctx)
}

// Rotate begins a rotation, which goes on in the background. If one is under way, it begins no other. The code of its
// error is key_not_given.
func (x EncryptionKeys) Rotate(ctx context.Context) (hook.SealState, error) {
	if err := x.Store.RotateSealKey(ctx); err != nil {
		return hook.SealState{}, err
	}
	x.Begun()
	return x.Store.SealState(ctx)
}
