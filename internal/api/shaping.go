package api

import (
	"context"
	"errors"
	"fmt"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/transform"
)

// checkShaping looks at what one endpoint does to the requests of its contract.
// What it did before stays, whatever the contract says now.
func (a *API) checkShaping(ctx context.Context, tenant string, c *contract.Contract, cfg, was hook.EndpointConfig) error {
	var off []hook.FieldError
	refuse := func(pointer, what string) {
		if !c.Shaping() {
			off = append(off, hook.FieldError{Pointer: pointer, Detail: fmt.Sprintf("The contract %s does not let an endpoint have a %s. Leave it out, or use another contract.", c.Name, what)})
		}
	}
	if cfg.Filter != "" && cfg.Filter != was.Filter {
		refuse("/filter", "filter")
	}
	changed := cfg.Transformation != "" && cfg.Transformation != was.Transformation
	if changed {
		refuse("/transformation", "transformation")
	}
	if len(off) > 0 {
		return hook.InvalidFields("shaping_off", off...)
	}
	if !changed {
		return nil
	}
	return a.checkScript(ctx, tenant, cfg.Transformation)
}

// checkScript refuses a script that cannot work. The tenant's scripts are checked
// one after another.
func (a *API) checkScript(ctx context.Context, tenant, source string) error {
	err := a.Scripts.Check(ctx, "check "+tenant, source)
	if failure, ok := errors.AsType[*transform.Error](err); ok {
		return hook.InvalidFields("transformation_invalid", hook.FieldError{Pointer: "/transformation", Detail: failure.Error() + "."})
	}
	return err
}
