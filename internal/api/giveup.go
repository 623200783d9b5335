package api

import (
	"strconv"

	"gancho.example/client"
	"gancho/internal/hook"
)

// giveUpOf reads when an endpoint is given up, zero if nothing is said. What cannot be read is refused with the rest of the
// configuration: a count or a time of -1 is out of range.
func giveUpOf(in *client.GiveUp) (g hook.GiveUp) {
	if in == nil {
		return g
	}
	g.Of, g.Do = hook.GiveUpOf(in.Of), hook.GiveUpDo(in.Do)
	if g.Do == "" {
		g.Do = hook.GiveUpDisable
	}
	var err error
	switch {
	case g.Of == "" && in.After == "" && g.Do == hook.GiveUpNothing:
	case g.Of == hook.GiveUpTime:
		if g.Time, err = parseDuration(in.After); err != nil {
			g.Time = -1
		}
	default:
		if g.Of == "" {
			g.Of = hook.GiveUpAttempts
		}
		if g.Count, err = strconv.Atoi(in.After); err != nil {
			g.Count = -1
		}
	}
	return g
}

// wireGiveUp is when an endpoint is given up, nil if neither it nor its contract says.
func wireGiveUp(g hook.GiveUp) *client.GiveUp {
	if g.IsZero() {
		return nil
	}
	out := &client.GiveUp{Of: string(g.Of), Do: string(g.Do)}
	switch {
	case g.Of == hook.GiveUpTime:
		out.After = formatDuration(g.Time)
	case g.Count > 0:
		out.After = strconv.Itoa(g.Count)
	}
	return out
}
