package store

import (
	"context"
	"time"

	"gancho/internal/hook"
)

// The limits of a search in payloads, of which the first that is reached ends a page.
const (
	searchRows  = 2000
	searchBytes = 16 << 20
	searchTime  = 2 * time.Second
)

// SearchDeliveries is [DB.Deliveries] for deliveries whose event has what somebody looks for. A page looks at a limited number
// of payloads and of bytes, and for a limited time, so it may find nothing although more follows.
func (db *DB) SearchDeliveries(
	ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page, has func(*hook.Event) bool,
) (out hook.DeliverySearch, err error) {
	size := 0
	for start := time.Now(); ; {
		page, next, err := db.Deliveries(ctx, tenant, f, hook.Page{Before: p.Before, Limit: eventsTogether})
		if err != nil {
			return out, err
		}
		events := map[hook.EventID]*hook.Event{}
		for i, d := range page {
			if len(out.List) == p.Limit || out.Looked >= searchRows || size >= searchBytes {
				return out, nil
			}
			out.Looked++
			out.Next, out.Back = hook.ID(d.ID), hook.ID(d.ID).Time()
			if events[d.ID.Event()] == nil {
				if err := db.dialect.readEvents(ctx, events, page[i:]); err != nil && !hook.IsKind(err, hook.KindNotFound) {
					return out, err
				}
			}
			e := events[d.ID.Event()]
			switch {
			case e == nil:
			case e.Unreadable:
				out.Hidden++
			default:
				if size += len(e.Payload); has(e) {
					out.List = append(out.List, d)
				}
			}
		}
		if out.Next = next; next.IsZero() {
			return out, nil
		}
		if p.Before = next; out.Looked >= searchRows || size >= searchBytes || time.Since(start) > searchTime {
			return out, nil
		}
	}
}
