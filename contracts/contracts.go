// Package contracts embeds the contracts that ship with Gancho, so that the program
// needs no files beside it. It is data, not code: each *.yaml describes one webhook
// system, and examples/ has the payloads that the contracts name. internal/contract
// reads both. library/ has contracts of well-known systems that are not in force until
// somebody chooses one; each is a file of its own, without others beside it.
//
// It promises that the examples are, byte for byte, what the documents of the systems
// print. Tests compare against them.
package contracts

import (
	"embed"
	"io/fs"
)

// Files has *.yaml at its root, the payloads under examples, and more contracts under library.
//
//go:embed *.yaml examples library
var Files embed.FS

// Library has the *.yaml files of the library at its root.
func Library() fs.FS {
	dir, err := fs.Sub(Files, "library")
	if err != nil {
		panic(err) // cannot happen: the name is valid
	}
	return dir
}
