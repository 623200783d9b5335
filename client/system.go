package client

import "context"

// Readiness is the answer of GET /readyz while every part of the server can do its work.
type Readiness struct {
	Status string   `json:"status" enum:"ready"`
	Parts  []string `json:"parts" doc:"The parts that were looked at." example:"database"`
}

// System is what there is to know of the server itself.
type System struct {
	Ready bool         `json:"ready" doc:"Every part can do its work."`
	Parts []SystemPart `json:"parts"`
	Disk  *SystemDisk  `json:"disk,omitempty" doc:"The disk with the database; left out if the database is elsewhere."`
}

// SystemPart is one part of the server.
type SystemPart struct {
	Name   string `json:"name" example:"database"`
	Ready  bool   `json:"ready"`
	Code   string `json:"code,omitempty" doc:"What is wrong." example:"database_not_writable"`
	Detail string `json:"detail,omitempty" doc:"The same as a sentence."`
}

// SystemDisk is the room on the disk with the database.
type SystemDisk struct {
	FreeBytes int64 `json:"free_bytes"`
	LowBelow  int64 `json:"low_below" doc:"Below so many bytes the disk is low (option disk-low)."`
	Low       bool  `json:"low"`
}

// System tells whether the server is ready, and how much room its disk has. It needs a key that is good for all tenants.
func (c *Client) System(ctx context.Context) (*System, error) {
	return get[System](ctx, c, path("system"))
}
