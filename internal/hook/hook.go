// Package hook is the vocabulary of Gancho: tenants, endpoints, events,
// deliveries and attempts, their ids, the errors every layer speaks, and the
// delivery state machine ([Next]).
//
// It is pure: no I/O, no clock (callers pass now), no goroutines, and nothing
// imported but the standard library and google/uuid. Every other package may
// import it; it imports none of them. The words are those of docs/states.md and
// the REST API, so a field has one name from the database to the browser.
package hook
