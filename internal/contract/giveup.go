package contract

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"gancho/internal/hook"
	"gancho/internal/yamlfile"
)

// giveUp reads when an endpoint that only fails is given up.
func (l *loader) giveUp(n *yamlfile.Node) (g hook.GiveUp) {
	o := l.Object(n, "give_up", keysOf["delivery.give_up"])
	if o.Node == nil {
		return g
	}
	g.Of, g.Do = hook.GiveUpAttempts, hook.GiveUpDisable
	if v := o.Get("of"); v != nil {
		g.Of = hook.GiveUpOf(l.OneOf(v, string(hook.GiveUpAttempts), string(hook.GiveUpDeliveries), string(hook.GiveUpTime)))
	}
	if v := o.Get("do"); v != nil {
		g.Do = hook.GiveUpDo(l.OneOf(v, string(hook.GiveUpDisable), string(hook.GiveUpPause), string(hook.GiveUpNothing)))
	}
	v := o.Get("after")
	switch {
	case v == nil && g.Do == hook.GiveUpNothing:
		g.Of = ""
	case v == nil:
		l.ProblemAt(n, "give_up does not say after how much.", "Write for example {after: 15, of: attempts, do: disable} or {after: 120h, of: time, do: disable}.")
	case g.Of == hook.GiveUpTime:
		g.Time = l.Duration(v, time.Second, hook.MaxGiveUpTime)
	default:
		if _, err := strconv.Atoi(v.Text); err != nil && v.Kind == yamlfile.KindText {
			if _, err := time.ParseDuration(v.Text); err == nil {
				l.ProblemAt(v, fmt.Sprintf("after is a number of %s, not a time.", g.Of), "Add of: time, or write a number.")
				return g
			}
		}
		g.Count = int(l.Number(v, 1, hook.MaxGiveUpCount))
	}
	return g
}

// checkGiveUp checks what an endpoint says about giving up.
func checkGiveUp(g hook.GiveUp) (hook.FieldError, bool) {
	dos := []string{string(hook.GiveUpDisable), string(hook.GiveUpPause), string(hook.GiveUpNothing)}
	switch {
	case g.IsZero():
	case !slices.Contains(dos, string(g.Do)):
		return notPossible(string(g.Do), dos...).At("/give_up/do"), true
	case g.Do == hook.GiveUpNothing && g.Of == "":
	case g.Of == hook.GiveUpTime:
		if g.Time < time.Second || g.Time > hook.MaxGiveUpTime {
			return hook.Field("/give_up/after", "give_up_time",
				"This has to be a time from 1s to {max}, such as 120h or 5d.", "max", days(hook.MaxGiveUpTime)), true
		}
	case g.Of != hook.GiveUpAttempts && g.Of != hook.GiveUpDeliveries:
		return notPossible(string(g.Of), string(hook.GiveUpAttempts), string(hook.GiveUpDeliveries), string(hook.GiveUpTime)).At("/give_up/of"), true
	case g.Count < 1 || g.Count > hook.MaxGiveUpCount:
		return hook.Field("/give_up/after", "give_up_count",
			"This has to be a whole number from 1 to {max}.", "max", hook.MaxGiveUpCount), true
	}
	return hook.FieldError{}, false
}
