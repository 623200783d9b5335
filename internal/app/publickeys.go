package app

import (
	"context"

	"gancho/internal/keyset"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/send/oauth"
	"gancho/internal/sign"
)

// PublicKeys returns what fetches the keys of a receiver that is no server, from public addresses only, and what ends its
// connections.
func PublicKeys() (fetch func(context.Context, *sign.Wanted) (*sign.PublicKeys, error), done func()) {
	web := sendhttp.New(sendhttp.Options{})
	keys := keyset.New(oauth.New(web), nil)
	return func(ctx context.Context, w *sign.Wanted) (*sign.PublicKeys, error) { return keys.Get(ctx, "", w) }, web.Close
}
