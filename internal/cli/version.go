package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set at build time from the tag, with -ldflags -X; see the Makefile.
var version string

// versionCmd prints version, revision and platform.
type versionCmd struct {
	JSON bool `name:"json" help:"Print it as JSON."`
}

func (c *versionCmd) Help() string {
	return `Examples:

    gancho version
    gancho version --json`
}

// build is what is known about this program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, if built from a checkout
	Modified bool   `json:"modified,omitempty"` // whether the checkout had changes
	Time     string `json:"time,omitempty"`     // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints the version.
func (c *versionCmd) Run(out console) error {
	b := readBuild()
	if c.JSON {
		e := json.NewEncoder(out.stdout)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	line := "gancho " + b.Version
	if b.Revision != "" {
		line += " revision " + b.Revision[:min(12, len(b.Revision))]
		if b.Modified {
			line += " (modified)"
		}
	}
	_, err := fmt.Fprintf(out.stdout, "%s %s %s\n", line, b.Go, b.Platform)
	return err
}

// readBuild collects what the linker and the build information say.
func readBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			case "vcs.time":
				b.Time = s.Value
			}
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}
