package api

import (
	"context"
	"errors"
	"net/http"

	"gancho.example/client"
	"gancho/internal/hook"
)

// Health says whether requests can be served.
type Health interface {
	// Check looks at every part of the server. It may remember for a second or two what it found.
	Check(ctx context.Context) []Check
	// Disk is the room on the disk with the database. It is not ok if the database is elsewhere.
	Disk() (d Disk, ok bool)
}

// Check is what was found of one part of the server.
type Check struct {
	Part  string
	Wrong hook.FieldError // the zero value: it is ready
	Err   error           // for the log
}

// Disk is the room on a disk, in bytes. Below LowBelow it is low.
type Disk struct {
	Free, LowBelow int64
	Low            bool
}

// ready answers whether the server is ready. If it is not, errors says which parts are not.
func (h systemHandlers) ready(w http.ResponseWriter, r *http.Request) {
	answer := client.Readiness{Status: "ready", Parts: []string{}}
	wrong := &hook.Error{
		Kind: hook.KindUnavailable, Code: "not_ready",
		Detail: "The server is not ready; errors says which of its parts is not, and the log says why.",
	}
	for _, c := range h.health.Check(r.Context()) {
		if c.Wrong.Code == "" {
			answer.Parts = append(answer.Parts, c.Part)
			continue
		}
		wrong.Fields = append(wrong.Fields, c.Wrong)
		wrong.Err = errors.Join(wrong.Err, c.Err)
	}
	if len(wrong.Fields) > 0 {
		h.fail(w, r, wrong)
		return
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(append(encode(answer), '\n'))
}

type systemOutput struct{ Body client.System }

// system answers what people want to know of the server itself.
func (h systemHandlers) system(ctx context.Context, _ *struct{}) (*systemOutput, error) {
	out := &systemOutput{Body: client.System{Ready: true, Parts: []client.SystemPart{}}}
	for _, c := range h.health.Check(ctx) {
		p := client.SystemPart{Name: c.Part, Ready: c.Wrong.Code == "", Code: c.Wrong.Code, Detail: c.Wrong.Detail}
		out.Body.Ready = out.Body.Ready && p.Ready
		out.Body.Parts = append(out.Body.Parts, p)
	}
	if d, ok := h.health.Disk(); ok {
		out.Body.Disk = &client.SystemDisk{FreeBytes: d.Free, LowBelow: d.LowBelow, Low: d.Low}
	}
	return out, nil
}
