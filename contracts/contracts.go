// Package contracts embeds the contracts that ship with Gancho, so that the program
// needs no files beside it. It is data, not code: each *.yaml describes one webhook
// system, and examples/ has the payloads that the contracts name. internal/contract
// reads both.
//
// It promises that the examples are, byte for byte, what the documents of the systems
// print. Tests compare against them.
package contracts

import "embed"

// Files has *.yaml at its root and the payloads under examples.
//
//go:embed *.yaml examples
var Files embed.FS
