package hook

import (
	"context"
	"hash/crc32"
	"time"
)

// Once is the Idempotency-Key of a request that changes the configuration. The first change of the request claims it in its
// own transaction, so the request is carried out once, also if the process is killed before it answers.
type Once struct {
	Tenant string // "": the request is about no tenant
	Key    string
	Hash   [32]byte      // of who asks for what: the same key with another hash is refused
	Keep   time.Duration // how long the key is remembered

	Claimed bool // set by the store when the claim is committed; later changes of the request do not claim it again
}

type onceKey struct{}

// WithOnce returns a context whose first change of the configuration claims o.
func WithOnce(ctx context.Context, o *Once) context.Context {
	return context.WithValue(ctx, onceKey{}, o)
}

// OnceOf is the claim of a context, nil if there is none.
func OnceOf(ctx context.Context) *Once {
	o, _ := ctx.Value(onceKey{}).(*Once)
	return o
}

// Errors of requests whose Idempotency-Key was used before.
var (
	ErrKeyReused = Conflict("idempotency_key_reused",
		"This Idempotency-Key was used before with another request. Use a new key for a new request.")
	ErrKeyUnanswered = Conflict("idempotency_unanswered",
		"A request with this Idempotency-Key is being carried out, or was, and its answer was not kept. Read what there is, "+
			"and use a new key if it has to be made once more.")
)

// ErrChangedMeanwhile is for a change whose caller did not know the newest version of what it changes.
var ErrChangedMeanwhile = &Error{
	Kind: KindPrecondition, Code: "changed_meanwhile",
	Detail: "Somebody changed this after you read it. Read it again, and repeat your change if it is still right.",
}

// Check fails with [ErrChangedMeanwhile] if the precondition does not hold for a version.
func (p Precondition) Check(version int64) error {
	if p.Holds(version) {
		return nil
	}
	return ErrChangedMeanwhile
}

// Revision changes with every change of the endpoint that people can make, but not with its health.
func (e *Endpoint) Revision() int64 { return e.UpdatedAt.UnixMicro() }

// Revision changes with every change of the credential, and of the URL of its endpoint.
func (c CredentialURL) Revision() int64 {
	const urlBits = 12
	return c.UpdatedAt.UnixMicro()<<urlBits | int64(crc32.ChecksumIEEE([]byte(c.URL))&(1<<urlBits-1))
}
