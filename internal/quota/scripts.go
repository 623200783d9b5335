package quota

import (
	"context"
	"fmt"
	"time"

	"gancho/internal/hook"
	"gancho/internal/transform"
)

// Scripts runs transformations within the time that their tenants have for them.
type Scripts struct {
	*transform.Pool
	keeper *Keeper
}

// Scripts runs transformations of a pool within the time that tenants have.
func (k *Keeper) Scripts(pool *transform.Pool) Scripts {
	pool.Ran = k.countScript
	return Scripts{pool, k}
}

// Run is [transform.Pool.Run]. While the tenant's time is used up, it runs nothing and fails
// with KindUnavailable and code script_time_used_up; the error says how long that lasts.
func (s Scripts) Run(ctx context.Context, endpoint, source string, in transform.Input) (transform.Output, error) {
	if wait := s.keeper.admitScript(ctx, in.Tenant); wait > 0 {
		return transform.Output{}, &hook.Error{
			Kind: hook.KindUnavailable, Code: "script_time_used_up", RetryAfter: wait, Detail: fmt.Sprintf(
				"The transformations of this tenant have used up the time that they may run. They run again in %d s, and "+
					"deliveries wait until then. Make the scripts cheaper, or ask the operator to raise the limit.",
				int64((wait+time.Second-1)/time.Second)),
		}
	}
	return s.Pool.Run(ctx, endpoint, source, in)
}
