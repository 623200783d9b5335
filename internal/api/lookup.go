package api

import (
	"errors"
	"net/http"
	"strconv"

	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// lookupHandlers answer look-ups: requests on routes that contracts name. With a token of its credential, a receiver
// reads the records that it got events about. The token says whose records they are.
type lookupHandlers struct {
	failures
	lookups admin.Lookups
	auth    *auth.Auth
}

var errTokenMissing = &hook.Error{
	Kind: hook.KindUnauthorized, Code: "token_missing",
	Detail: "Send a token of a credential in the header Authorization, as in Authorization: Bearer eyJ….",
}

// serve answers a request on a route of a contract: the record's document, byte
// for byte.
func (a lookupHandlers) serve(w http.ResponseWriter, r *http.Request, c *contract.Contract, route contract.Lookup, key string) {
	const allow = "GET, HEAD, OPTIONS"
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", allow)
		a.fail(w, r, newProblem("method_not_allowed", "This path takes "+allow+"."))
		return
	}
	cr, err := a.credential(r, c)
	if err != nil {
		a.fail(w, r, challenge(err))
		return
	}
	record, err := a.lookups.Record(r.Context(), cr, route.Record, key)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(record.Document)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(record.Document) // it fails only if the caller has disconnected
	}
}

// credential is the credential of the token in a request, if the token is good for look-ups of the contract.
func (a lookupHandlers) credential(r *http.Request, c *contract.Contract) (*hook.Credential, error) {
	token, ok := auth.BearerToken(r)
	if !ok {
		return nil, errTokenMissing
	}
	if err := a.auth.MayTry(r, auth.DoorLookup, token); err != nil {
		return nil, err
	}
	cr, err := a.lookups.Enter(r.Context(), c, token)
	return cr, a.auth.Tried(r, auth.DoorLookup, token, err)
}

// challenge says in the header WWW-Authenticate what is wrong with a token (RFC
// 6750, section 3).
func challenge(err error) error {
	p := asProblem(err)
	if p.Status == http.StatusUnauthorized && !errors.Is(err, errTokenMissing) {
		p.header = http.Header{"Www-Authenticate": {`Bearer realm="gancho", error="invalid_token"`}}
	}
	return p
}
