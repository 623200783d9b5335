package hook

import (
	"bytes"
	"reflect"
	"slices"
)

// Corrected reports whether an edit of an endpoint changed what decides if the receiver takes its requests: where they
// go, what proves who sends them, and what makes them. Earlier failures then say nothing about it any more. A new
// signing secret is such a change; that an old one ends is none.
func Corrected(was, now *Endpoint) bool {
	x, y := &was.Config, &now.Config
	return !reflect.DeepEqual(x.Auth, y.Auth) || !reflect.DeepEqual(x.TLS, y.TLS) || x.URL != y.URL || x.Method != y.Method || !slices.Equal(x.Headers, y.Headers) ||
		!bytes.Equal(x.Settings, y.Settings) || x.Transformation != y.Transformation || x.Timeout != y.Timeout ||
		(x.Credential == nil) != (y.Credential == nil) || x.Credential != nil && *x.Credential != *y.Credential ||
		slices.ContainsFunc(now.Secrets, func(s Secret) bool {
			return !slices.ContainsFunc(was.Secrets, func(old Secret) bool { return old.Text == s.Text })
		})
}
