// Package contracts holds the contracts that ship with Gancho, so that the
// program needs no files beside it. It is data, not code: each *.yaml describes
// one webhook system, examples/ has the payloads they name, byte for byte as the
// system's document gives them. internal/contract reads both.
package contracts

import "embed"

// Files has *.yaml at its root and the payloads under examples.
//
//go:embed *.yaml examples
var Files embed.FS
