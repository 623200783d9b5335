package client

import (
	"context"
	"net/http"
	"time"
)

// RecoveryInput says which events one endpoint missed and should get again.
type RecoveryInput struct {
	Since  time.Time  `json:"since" doc:"Events made then or later." example:"2026-11-01T00:00:00Z"`
	Until  *time.Time `json:"until,omitempty" doc:"Events made before then. If left out, until now."`
	States []string   `json:"states,omitempty" maxItems:"10" enum:"failed,cancelled,delivered,missing" doc:"What to send again: deliveries in these states; missing stands for events that match the endpoint and have no delivery to it, because it was disabled, or its filter failed too often to keep each. If left out: failed, cancelled and missing. A bulk action is about deliveries alone, of all endpoints, and knows no missing."`
}

// Recovery sends missed events again to one endpoint, in the background. It shows its progress.
type Recovery struct {
	ID         string     `json:"id" example:"rec_06ew2c6eqfy7d00000000000g0"`
	Endpoint   string     `json:"endpoint" example:"ep_06ew2c5e8m4b900000000000g0"`
	State      string     `json:"state" enum:"running,done,cancelled"`
	Since      time.Time  `json:"since"`
	Until      time.Time  `json:"until"`
	States     []string   `json:"states"`
	Examined   int64      `json:"examined" doc:"Events looked at so far."`
	Requeued   int64      `json:"requeued" doc:"Deliveries queued again so far."`
	Total      int64      `json:"total" doc:"About how many events there are to look at. They are counted when the recovery begins, up to a million."`
	Progress   float64    `json:"progress" minimum:"0" maximum:"1" doc:"About which part of the work is done." example:"0.4"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// RecoveryPreview says how much a recovery would send.
type RecoveryPreview struct {
	Examined   int  `json:"examined" doc:"Events looked at."`
	Deliveries int  `json:"deliveries" doc:"How many of them would be sent again."`
	AtLeast    bool `json:"at_least" doc:"Not all events were looked at, so there may be more deliveries."`
}

// PreviewRecovery says how much [Client.Recover] would send. Nothing is sent.
func (c *Client) PreviewRecovery(ctx context.Context, tenant, endpoint string, in RecoveryInput) (*RecoveryPreview, error) {
	return send[RecoveryPreview](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "recover", "preview"), in)
}

// Recover starts a recovery, which runs in the background.
func (c *Client) Recover(ctx context.Context, tenant, endpoint string, in RecoveryInput) (*Recovery, error) {
	return send[Recovery](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "recover"), in)
}

// Recovery reads a recovery.
func (c *Client) Recovery(ctx context.Context, tenant, endpoint, recovery string) (*Recovery, error) {
	return get[Recovery](ctx, c, path("tenants", tenant, "endpoints", endpoint, "recoveries", recovery))
}

// StopRecovery stops a recovery. What it has queued stays so.
func (c *Client) StopRecovery(ctx context.Context, tenant, endpoint, recovery string) (*Recovery, error) {
	return send[Recovery](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "recoveries", recovery, "stop"), nil)
}

// Recoveries lists the recoveries of an endpoint, newest first.
func (c *Client) Recoveries(ctx context.Context, tenant, endpoint string, p Paging) (*List[Recovery], error) {
	return get[List[Recovery]](ctx, c, withQuery(path("tenants", tenant, "endpoints", endpoint, "recoveries"), p.query()))
}
