package ingest

import (
	"context"
	"time"

	"gancho/internal/hook"
)

// Preview is PreviewRecovery with limits of the caller, and in effect none of time.
func (in *Ingest) Preview(ctx context.Context, r hook.Recovery, page, events int) (hook.RecoveryPreview, error) {
	return in.preview(ctx, r, previewLimits{page: page, events: events, time: time.Hour})
}

// BulkSome makes the next step of every running bulk action.
func (in *Ingest) BulkSome(ctx context.Context) error {
	_, _, err := in.bulkSome(ctx)
	return err
}
