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

import "time"

// now is the time as it is stored: UTC, in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
