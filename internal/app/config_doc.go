package app

import (
	"fmt"
	"strings"
)

// ConfigDoc is the manual of all options, in Markdown: the text of
// docs/config.md, which a test keeps equal to it.
func ConfigDoc() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made by "gancho config doc" from the struct Config in internal/app/config.go. Change it there, then run "make docs". -->

Every option can be given as a flag, as an environment variable, or in a configuration file. The first
of these that has a value wins, in this order: flag, environment variable, file, default. An
environment variable that is set but empty counts as not set.

The file is YAML with the names below as keys, and it is named with --config or GANCHO_CONFIG:

` + "```yaml" + `
# gancho.yaml
listen: 0.0.0.0:8480
data: /var/lib/gancho
allow-networks: [10.20.0.0/16]
retention: 90d
` + "```" + `

` + "`gancho config check --config gancho.yaml`" + ` reads it, reports everything that is wrong with it at
once, and prints the values that a server would use and where each comes from.

| option | environment variable | default | what it is |
|---|---|---|---|
`)
	cell := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	for _, o := range options() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", o.Name, o.Name, cell(o.Env), cell(o.Default), o.Help)
	}
	for _, o := range options() {
		flag := "--" + o.Name
		if o.Form != "" {
			flag += " " + o.Form
		}
		fmt.Fprintf(&b, "\n## %s\n\n`%s`\n\n%s\n", o.Name, flag, strings.TrimSpace(o.Help+" "+o.Doc))
	}
	return b.String()
}
