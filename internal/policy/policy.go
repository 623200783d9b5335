// Package policy is the rules of this repository that neither the compiler nor
// a linter knows, as tests: who may import whom, which modules we depend on and
// why, what code must not call, and what no file may contain. There is nothing
// in it but tests; a rule that fails names the file, the line and the way out.
//
// A call that is forbidden but right in one place is allowed there by a comment
// on its line, or on the line above, that gives the reason:
//
//	//policy:allow time.Sleep: the kernel, not our code, is what is waited for
package policy
