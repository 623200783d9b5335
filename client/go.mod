// The client has a module of its own, so that a program that imports it gets
// nothing else of Gancho. See README.md for how to require it.
module gancho.example/client

go 1.26.0
