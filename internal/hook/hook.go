// Package hook is the vocabulary of Gancho: tenants, endpoints, events, deliveries and
// attempts, their ids, the errors that all layers use, and the state machine of
// deliveries ([Next]).
//
// It promises to be pure: it has no I/O, no clock (callers pass now) and no goroutines,
// and imports only the standard library and google/uuid. Every other package may import
// it; it imports none of them. Its words are those of docs/states.md and of the REST API,
// so a field has one name from the database to the browser.
package hook
