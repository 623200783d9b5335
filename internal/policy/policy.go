// Package policy contains tests of the repository itself, for rules that neither the
// compiler nor a linter knows: which package may import which, which modules we depend
// on and why, which functions code must not call, and what no file may contain.
//
// It promises that the message of a failed rule names the file and the line, and says
// what to do instead.
//
// Where a forbidden call is right, a comment on its line or on the line above allows
// it and gives the reason:
//
//	//policy:allow time.Sleep: the kernel, not our code, is what is waited for
package policy
