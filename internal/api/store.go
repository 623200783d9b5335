package api

import (
	"context"
	"encoding/json"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Store is what the API needs of the database, noun by noun. Every method that
// concerns one tenant takes it, and finds nothing of another. A thing that is
// not there is a [hook.Error] of KindNotFound.
type Store interface {
	Tenants
	Endpoints
	Events
	Deliveries
	Recoveries
	Credentials
	Records
	Keys
	PortalLinks
	Statistics
	Audit
	Contracts
	Schedules

	// Ready reports whether the database answers reads and commits writes.
	Ready(ctx context.Context) error
}

// Tenants of the database.
type Tenants interface {
	// PutTenant creates a tenant or changes what is not nil.
	PutTenant(ctx context.Context, id string, name *string, metadata json.RawMessage) (t hook.Tenant, created bool, err error)
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
	// Tenants lists by id, from the one after the given id.
	Tenants(ctx context.Context, after string, limit int) (list []hook.Tenant, more bool, err error)
	DeleteTenant(ctx context.Context, id string) error
}

// Endpoints of the database.
type Endpoints interface {
	// CreateEndpointWithin sets the version and times of e. It is a conflict if the
	// tenant has most endpoints of the contract already; 0 is any number.
	CreateEndpointWithin(ctx context.Context, e *hook.Endpoint, most int) error
	TenantEndpoint(ctx context.Context, tenant string, id hook.EndpointID) (*hook.Endpoint, error)
	Endpoints(ctx context.Context, tenant string, p hook.Page) (list []*hook.Endpoint, next hook.ID, err error)
	// UpdateEndpoint stores nothing and is not ok if the endpoint was changed since
	// it was read.
	UpdateEndpoint(ctx context.Context, e *hook.Endpoint, newConfig bool) (ok bool, err error)
	SetEndpointState(ctx context.Context, id hook.EndpointID, state hook.EndpointState, reason string, at time.Time) error
	DeleteEndpoint(ctx context.Context, tenant string, id hook.EndpointID) error
}

// Events of the database.
type Events interface {
	Event(ctx context.Context, tenant string, id hook.EventID) (*hook.Event, error)
	EventByExternalID(ctx context.Context, tenant, external string) (*hook.Event, error)
	EventDeliveries(ctx context.Context, tenant string, id hook.EventID) (int, error)
	// Events come without payloads. A page may be short although more follow: next
	// is not zero then.
	Events(ctx context.Context, tenant string, f hook.EventFilter, p hook.Page) (list []*hook.Event, next hook.ID, err error)
}

// Deliveries of the database.
type Deliveries interface {
	Delivery(ctx context.Context, tenant string, id hook.DeliveryID) (hook.Delivery, error)
	Deliveries(ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page) (list []hook.Delivery, next hook.ID, err error)
	// Attempts are the latest n, oldest first.
	Attempts(ctx context.Context, id hook.DeliveryID, n int) ([]*hook.Attempt, error)
	// Body is the frozen body, nil if it equals the payload.
	Body(ctx context.Context, id hook.DeliveryID) ([]byte, error)
	// Retry is a conflict if the delivery cannot be sent again now.
	Retry(ctx context.Context, tenant string, id hook.DeliveryID, ordered bool) (hook.Delivery, error)
}

// Recoveries of the database.
type Recoveries interface {
	CreateRecovery(ctx context.Context, r *hook.Recovery) error
	Recovery(ctx context.Context, tenant string, id hook.RecoveryID) (*hook.Recovery, error)
	Recoveries(ctx context.Context, tenant string, endpoint hook.EndpointID, p hook.Page) (list []hook.Recovery, next hook.ID, err error)
}

// Credentials of the database.
type Credentials interface {
	// CreateCredential stores both in one commit, and sets their times. The endpoint
	// may be nil; most is as in CreateEndpointWithin.
	CreateCredential(ctx context.Context, c *hook.Credential, e *hook.Endpoint, most int) error
	// Credential is of any tenant.
	Credential(ctx context.Context, id hook.CredentialID) (*hook.Credential, error)
	TenantCredential(ctx context.Context, tenant string, id hook.CredentialID) (*hook.Credential, error)
	Credentials(ctx context.Context, tenant string, p hook.Page) (list []hook.CredentialURL, next hook.ID, err error)
	// UpdateCredential stores nothing and is not ok if one of them was changed since
	// it was read. The endpoint may be nil.
	UpdateCredential(ctx context.Context, c *hook.Credential, e *hook.Endpoint, newConfig bool) (ok bool, err error)
	// DeleteCredential deletes its endpoint as well.
	DeleteCredential(ctx context.Context, tenant string, id hook.CredentialID) error
}

// Records of the database.
type Records interface {
	Record(ctx context.Context, tenant, contract, kind, key string) (hook.Record, error)
	// Records lists by contract, kind and key, from the one after the given name.
	// An empty contract or kind is all of them.
	Records(ctx context.Context, tenant, contract, kind string, after hook.RecordName, limit int) (list []hook.Record, more bool, err error)
}

// Keys of the database.
type Keys interface {
	CreateKey(ctx context.Context, k hook.Key) error
	Keys(ctx context.Context, p hook.Page) (list []hook.Key, next hook.ID, err error)
	KeyByHash(ctx context.Context, hash [32]byte) (hook.Key, error)
	DeleteKey(ctx context.Context, id hook.KeyID) error
}

// PortalLinks of the database.
type PortalLinks interface {
	CreatePortalLink(ctx context.Context, l hook.PortalLink) error
	// OpenPortalLink notes that somebody came by it, and until when they may stay.
	OpenPortalLink(ctx context.Context, id hook.PortalLinkID, at, ends time.Time) error
	// PortalLink is of any tenant.
	PortalLink(ctx context.Context, id hook.PortalLinkID) (hook.PortalLink, error)
	PortalLinks(ctx context.Context, tenant string, p hook.Page) (list []hook.PortalLink, next hook.ID, err error)
	DeletePortalLink(ctx context.Context, tenant string, id hook.PortalLinkID) error
}

// Audit of the database. Changes write their entries themselves, in the name of
// the [hook.Actor] of their context.
type Audit interface {
	// AuditTrail is of one tenant, or of everything if tenant is "".
	AuditTrail(ctx context.Context, tenant string, p hook.Page) (list []hook.AuditEntry, next hook.ID, err error)
}

// Statistics of the database. Without an endpoint they are of a whole tenant,
// without a tenant of all.
type Statistics interface {
	// Stats is a series from since on, oldest first, without tallies of nothing.
	Stats(ctx context.Context, tenant string, endpoint hook.EndpointID, span hook.StatsSpan, since time.Time) ([]hook.StatsRow, error)
	// Backlog counts unfinished deliveries up to limit.
	Backlog(ctx context.Context, tenant string, endpoint hook.EndpointID, limit int) (hook.Backlog, error)
	// Failing come without their backlogs, those that fail longest first.
	Failing(ctx context.Context, tenant string, limit int) ([]hook.Failing, error)
}

// Contracts of the database.
type Contracts interface {
	// ContractVersions are all versions of all contracts, by name and version,
	// without their sources.
	ContractVersions(ctx context.Context) ([]hook.ContractText, error)
}

// Schedules of the database.
type Schedules interface {
	// Schedules are those of a tenant that have, or had, a clock.
	Schedules(ctx context.Context, tenant string) ([]hook.Schedule, error)
}

// Runner makes runs of schedules.
type Runner interface {
	// RunNow makes a run at once, and does not move the clock. An error means that
	// no run was made.
	RunNow(ctx context.Context, name hook.ScheduleName) (*hook.ScheduleRun, error)
}

// Catalog changes the contracts that are in force.
type Catalog interface {
	// Put stores a contract and puts it in force before it returns. The error is a
	// *[contract.Problems] if the contract's own tests fail.
	Put(ctx context.Context, c *contract.Contract) (hook.StoredContract, error)
	// KeptBack lists the endpoints that do not satisfy a contract, stored or not.
	KeptBack(ctx context.Context, c *contract.Contract) ([]hook.KeptBack, error)
	SetShaping(ctx context.Context, name string, on *bool) error
}

// Accepter takes events in. What it has answered is durable. An error concerns
// the whole request, and then nothing was stored.
type Accepter interface {
	Accept(ctx context.Context, in hook.NewEvents) ([]hook.EventAnswer, error)
}

// Changer changes records and fires what follows. What it has answered is durable.
// An error concerns the whole request, and then nothing was stored.
type Changer interface {
	Change(ctx context.Context, in hook.RecordChanges) ([]hook.RecordAnswer, error)
}

// Recoverer makes recoveries that are stored, and foretells them.
type Recoverer interface {
	// BeginRecovery tells that there is a new one in the store.
	BeginRecovery()
	// PreviewRecovery says what a recovery would come to. It stores nothing.
	PreviewRecovery(ctx context.Context, r *hook.Recovery) (hook.RecoveryPreview, error)
}

// Waker tells the worker that an endpoint has something due that it may not
// know of.
type Waker interface {
	Wake(id hook.EndpointID)
}

// Tester makes requests outside the queue.
type Tester interface {
	// Test sends an event that is not stored yet, and stores it with what came of
	// it. An error means that no test was made.
	Test(ctx context.Context, endpoint hook.EndpointID, e *hook.Event) (*hook.TestResult, error)
	// Preview is the request that would be made, secrets masked. script, if it is
	// not nil, stands in the place of the endpoint's transformation.
	Preview(ctx context.Context, endpoint hook.EndpointID, e *hook.Event, script *string) (*hook.Preview, error)
	// PreviewAs is the request for an endpoint and a contract that need not be
	// stored, without a transformation.
	PreviewAs(ctx context.Context, c *contract.Contract, endpoint *hook.Endpoint, e *hook.Event) (*hook.Request, error)
}

// Scripts checks the transformations of endpoints.
type Scripts interface {
	// Check fails with a *transform.Error, or with a [hook.Error] of
	// KindUnavailable if no script can be checked now. Scripts with the same key are
	// checked one after another.
	Check(ctx context.Context, key, source string) error
}
