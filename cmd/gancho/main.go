// Command gancho is the whole product in one program; see package cli.
package main

import (
	"os"

	"gancho/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
