package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// ActorKind says how somebody came to change something.
type ActorKind string

const (
	ActorSystem  ActorKind = "system"  // Gancho itself
	ActorKey     ActorKind = "key"     // a program, with an API key
	ActorSession ActorKind = "session" // a person in the console, signed in with an API key
	ActorPortal  ActorKind = "portal"  // a person who came by a portal link
)

// Actor is who changes something. The zero value is Gancho itself.
type Actor struct {
	Kind ActorKind
	Key  KeyID // zero: the admin key, or none
	Name string
	Role Role
}

type actorKey struct{}

// WithActor makes a context in which everything is done by somebody.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf is who acts in a context: Gancho itself unless somebody else does.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ActorSystem}
}

// Action is what was done.
type Action string

// The actions that are written down: changes of configuration, and what people
// make happen again. Documents and events are data, and have a history of their own.
const (
	ActionTenantCreated         Action = "tenant.created"
	ActionTenantChanged         Action = "tenant.changed"
	ActionTenantDeleted         Action = "tenant.deleted" // with all it owned; of no tenant, so that it stays
	ActionEndpointCreated       Action = "endpoint.created"
	ActionEndpointChanged       Action = "endpoint.changed"
	ActionEndpointResumed       Action = "endpoint.resumed"
	ActionEndpointPaused        Action = "endpoint.paused"
	ActionEndpointDisabled      Action = "endpoint.disabled"
	ActionEndpointSecretChanged Action = "endpoint.secret_changed"
	ActionEndpointDeleted       Action = "endpoint.deleted"
	ActionCredentialCreated     Action = "credential.created"
	ActionCredentialChanged     Action = "credential.changed"
	ActionCredentialPaused      Action = "credential.paused"
	ActionCredentialResumed     Action = "credential.resumed"
	ActionCredentialToken       Action = "credential.token_made"
	ActionCredentialDeleted     Action = "credential.deleted"
	ActionKeyCreated            Action = "key.created"
	ActionKeyRevoked            Action = "key.revoked"
	ActionContractPosted        Action = "contract.posted"   // through the API
	ActionContractImported      Action = "contract.imported" // it came with the program, or from the operator's directory
	ActionContractChanged       Action = "contract.changed"
	ActionRecoveryStarted       Action = "recovery.started" // of an endpoint
	ActionDeliveryRetried       Action = "delivery.retried"
	ActionPortalLinkCreated     Action = "portal_link.created"
	ActionPortalLinkRevoked     Action = "portal_link.revoked"
)

// AuditEntry says who did what. It holds names of what was changed, never values.
type AuditEntry struct {
	ID     AuditID
	Tenant string // "" if it concerns none
	Actor  Actor
	Action Action
	Object string   // id of what it was done to
	Name   string   // what people called that then; of a delivery, its event type
	Fields []string // what of it was changed, as the API calls it
	Reason string   // why, where it was not somebody's wish
}

// AuditID names an entry (aud_…); it tells when.
type AuditID ID

func (id AuditID) String() string { return text("aud_", id) }

// Changes are the members that differ between two states of an endpoint, as the
// API calls them.
func (e *Endpoint) Changes(now *Endpoint) (fields []string) {
	if e.Name != now.Name {
		fields = append(fields, "name")
	}
	if e.State != now.State {
		fields = append(fields, "state")
	}
	if !slices.Equal(e.Secrets, now.Secrets) {
		fields = append(fields, "secret")
	}
	return append(fields, e.Config.changes(now.Config)...)
}

// configNames are what the API calls the members of a configuration, where it is
// not what they are stored as.
var configNames = map[string]string{"timeout": "timeout_ms", "rate": "rate_limit", "parallel": "concurrency"}

func (c EndpointConfig) changes(now EndpointConfig) (fields []string) {
	was, is := members(c), members(now)
	for name, value := range is {
		if bytes.Equal(was[name], value) {
			delete(was, name)
			continue
		}
		was[name] = nil // differs, or is new
	}
	for _, name := range slices.Sorted(maps.Keys(was)) { // what is left differs, or is gone
		if other := configNames[name]; other != "" {
			name = other
		}
		fields = append(fields, name)
	}
	return fields
}

// members are the members of a configuration that are not at their zero values.
func members(c EndpointConfig) (m map[string]json.RawMessage) {
	data, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		panic(err) // it is stored in this form
	}
	return m
}
