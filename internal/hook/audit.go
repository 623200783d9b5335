package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// ActorKind says by which way an [Actor] reached Gancho.
type ActorKind string

const (
	ActorSystem  ActorKind = "system"  // Gancho itself
	ActorKey     ActorKind = "key"     // a program, with an API key
	ActorSession ActorKind = "session" // a person in the console, signed in with an API key
	ActorPortal  ActorKind = "portal"  // a person who opened a portal link
	ActorNobody  ActorKind = "nobody"  // somebody without a right key
)

// Actor is who changes something. The zero value is Gancho itself.
type Actor struct {
	Kind    ActorKind
	Key     KeyID // zero: the admin key, or none
	Name    string
	Role    Role
	Address string // from which they came; "" if that is not known
}

type actorKey struct{}

// WithActor returns a context in which the actor makes all changes.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf is the actor of a context, or Gancho itself if the context has none.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{Kind: ActorSystem}
}

// Action is what an actor did.
type Action string

// The actions that the audit log has: changes of the configuration, and what people
// repeat. Documents and events are data and have a history of their own.
const (
	ActionTenantCreated         Action = "tenant.created"
	ActionTenantChanged         Action = "tenant.changed"
	ActionTenantDeleted         Action = "tenant.deleted"  // with all its data; the entry belongs to no tenant, so it stays
	ActionTenantExported        Action = "tenant.exported" // into a file, to move it; its endpoints were paused
	ActionTenantImported        Action = "tenant.imported" // from another installation
	ActionTenantErased          Action = "tenant.erased"   // the fields have what each table had, and the hash of the report
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
	ActionEncryptionKeyRotated  Action = "encryption_key.rotated"
	ActionEncryptionKeyRetired  Action = "encryption_key.retired" // nothing is sealed under it any more
	ActionKeyRotated            Action = "key.rotated"
	ActionKeyEarlierEnded       Action = "key.earlier_ended" // the texts that rotations replaced
	ActionContractPosted        Action = "contract.posted"   // through the API
	ActionContractImported      Action = "contract.imported" // from the program itself or the operator's directory
	ActionContractChanged       Action = "contract.changed"
	ActionRecoveryStarted       Action = "recovery.started" // the object is the endpoint
	ActionRecoveryStopped       Action = "recovery.stopped" // by a person; the object is the endpoint
	ActionBulkStarted           Action = "bulk.started"     // the object is the bulk action, the name what it does, the fields what it selects
	ActionBulkStopped           Action = "bulk.stopped"     // by a person, or by Gancho for a reason
	ActionBulkDone              Action = "bulk.done"        // the count is how many deliveries it changed
	ActionDeliveryRetried       Action = "delivery.retried"
	ActionDeliverySkipped       Action = "delivery.skipped"
	ActionPersonalRevealed      Action = "personal.revealed" // the object is the event, delivery or record that was read
	ActionPersonalSearched      Action = "personal.searched" // the object is the path; the value is kept nowhere
	ActionPersonalErased        Action = "personal.erased"   // the object is the path; the fields count what was erased
	ActionPortalLinkCreated     Action = "portal_link.created"
	ActionPortalLinkRevoked     Action = "portal_link.revoked"
	ActionSessionOpened         Action = "session.opened"       // somebody signed in to the console
	ActionSessionClosed         Action = "session.closed"       // and out
	ActionPortalOpened          Action = "portal_link.opened"   // a portal link was exchanged for a session
	ActionAccessRefused         Action = "access.refused"       // wrong keys, counted; the name says at which door
	ActionSecretRead            Action = "endpoint.secret_read" // a person or a program read a signing secret
	ActionAuditExported         Action = "audit.exported"
)

// AuditEntry says who did what. It has the names of changed fields, never their values. [ChainedEntry] is an entry with
// its place in the chain.
type AuditEntry struct {
	ID     AuditID
	Tenant string // "" if the action concerns no tenant
	Actor  Actor
	Action Action
	Object string   // id of the changed object
	Name   string   // name of the object at that time; of a delivery, its event type
	Fields []string // changed fields, as the API calls them
	Reason string   // why Gancho itself did it; "" if an actor wanted it
	Count  int      // how often, in one entry; at least 1
}

// AuditID names an entry (aud_…); like every [ID] it contains the time.
type AuditID ID

func (id AuditID) String() string { return text("aud_", id) }

// Changes are the fields that differ between e and a later state of it, as the API calls
// them.
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

// configNames are the API's names of the fields of [EndpointConfig] whose stored name is
// another.
var configNames = map[string]string{"timeout": "timeout_ms", "rate": "rate_limit", "parallel": "concurrency"}

func (c EndpointConfig) changes(now EndpointConfig) (fields []string) {
	was, is := members(c), members(now)
	for name, value := range is {
		if bytes.Equal(was[name], value) {
			delete(was, name) // equal
			continue
		}
		was[name] = nil // different or new
	}
	for _, name := range slices.Sorted(maps.Keys(was)) { // different, new or removed
		if other := configNames[name]; other != "" {
			name = other
		}
		fields = append(fields, name)
	}
	return fields
}

// members are the fields of a configuration that are not zero, by their stored names.
func members(c EndpointConfig) (m map[string]json.RawMessage) {
	data, err := json.Marshal(c)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		panic(err) // cannot happen: the configuration is stored in this form
	}
	return m
}
