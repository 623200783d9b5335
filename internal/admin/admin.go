// Package admin has the use cases of those who set Gancho up: what it takes to create, change and remove tenants,
// endpoints, credentials, API keys and contracts.
//
// Each noun has a type (such as [Tenants]) whose methods are its use cases. They take and return the types of package
// hook and know nothing of HTTP or JSON, so that every way in (the REST API, an importer, an API of another shape)
// follows the same rules by calling the same code. Each type declares the few methods of the database that it needs.
//
// It promises:
//
//   - A method that returns no error has stored what it was asked for, durably. One that returns an error has stored
//     nothing.
//   - An error that the caller can do something about is a [hook.Error] with a stable code and a sentence for people
//     that says what to change. It never repeats a secret. Everything that is wrong with a request is reported at once.
//   - Whatever belongs to a tenant is looked for in that tenant. What another tenant has is reported as not there.
package admin

import (
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// now is the time as it is stored: UTC, in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// contracts are the contracts in force, with the answers that use cases need.
type contracts struct{ *contract.Set }

// inForce is the contract of a name, nil if there is none.
func (s contracts) inForce(name string) *contract.Contract {
	c, ok := s.Lookup(name)
	if !ok {
		return nil
	}
	return c
}

// serving is the contract by whose version an endpoint is served, nil if it is gone.
func (s contracts) serving(e *hook.Endpoint) *contract.Contract {
	c, ok := s.For(e)
	if !ok {
		return nil
	}
	return c
}

// unknown is the error about a field that names a contract that does not exist.
func (s contracts) unknown(name string) error {
	return hook.InvalidFields("contract_unknown", s.NoContract(name).At("/contract"))
}

// missing is the error where a contract that something else refers to does not exist.
func (s contracts) missing(name string) error {
	return &hook.Error{Kind: hook.KindNotFound, Code: "contract_not_found", Detail: s.NoContract(name).Detail}
}

// Admin are all use cases. Whoever builds the program fills it in once, for every way in.
type Admin struct {
	People      People
	Tenants     Tenants
	Endpoints   Endpoints
	Credentials Credentials
	Keys        Keys
	Contracts   Contracts
	Tests       Tests
	Recoveries  Recoveries
	Bulks       Bulks
	Filters     SavedFilters
	Schedules   Schedules
	Deliveries  Deliveries
	Events      Events
	PortalLinks PortalLinks
	Lookups     Lookups
	SealKeys    EncryptionKeys
}
