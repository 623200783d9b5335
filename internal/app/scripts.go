package app

import (
	"os"
	"os/exec"
	"runtime"

	"gancho/internal/transform"
)

// ScriptCommand is the hidden command of the program that runs transformations
// for the server.
const ScriptCommand = "transform-process"

// newScripts returns the pool of processes that run the transformations of endpoints.
// It starts a process when the first script has to run. The processes execute this
// program again, without its environment, because that may hold keys.
func newScripts() (*transform.Pool, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	size := max(2, runtime.GOMAXPROCS(0)/2) // leaves the deliveries something to run on
	return transform.NewPool(size, func() *exec.Cmd {
		cmd := exec.Command(exe, ScriptCommand)
		cmd.Args[0] = os.Args[0]
		cmd.Env = []string{"GOMAXPROCS=1", "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")} // Windows starts nothing without the latter
		return cmd
	}), nil
}
