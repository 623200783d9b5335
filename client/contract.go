package client

import (
	"context"
	"encoding/json"
)

// Contract describes one webhook system.
type Contract struct {
	Name       string          `json:"name" example:"standard"`
	Title      string          `json:"title" example:"Standard Webhooks"`
	Version    int64           `json:"version"`
	Signing    bool            `json:"signing" doc:"Requests are signed: endpoints have a signing secret."`
	EventTypes []EventType     `json:"event_types" doc:"The name * stands for any type that is not listed."`
	Methods    []string        `json:"methods" doc:"HTTP methods an endpoint may choose from, the default first."`
	Settings   json.RawMessage `json:"settings" doc:"JSON Schema of what an endpoint of this contract has as settings."`
}

// EventType is one type of event of a contract.
type EventType struct {
	Name  string `json:"name" example:"order.paid"`
	Title string `json:"title,omitempty"`
}

// Contracts lists the contracts there are, ordered by name.
func (c *Client) Contracts(ctx context.Context) (*List[Contract], error) {
	return get[List[Contract]](ctx, c, path("contracts"))
}

// Contract reads a contract.
func (c *Client) Contract(ctx context.Context, name string) (*Contract, error) {
	return get[Contract](ctx, c, path("contracts", name))
}
