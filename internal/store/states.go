package store

import (
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
)

// How the store changes the state of deliveries. It decides nothing: it writes what
// [hook.Next] decided. A statement only compares columns, since a row may have changed
// after Go read the delivery: a newer snapshot may have superseded it, or another node
// may have ended it. Where the result depends on that, Go decides both cases beforehand.

// isSuperseded is true for the row of an unfinished delivery that is not to be tried again: a newer snapshot superseded
// it, or a person cancelled it. It reads the reason, which every such delivery has, and not the column superseded: a
// program of the release before that shares the database does not know the column. If it supersedes a delivery, it does
// not set the column, and if it retries one, it does not clear it. Each result corrects the
// column. The next release can read it instead.
const isSuperseded = `(reason = 'superseded' OR reason = 'by_person')`

// isSupersededD is [isSuperseded] where deliveries are called d.
const isSupersededD = `(d.reason = 'superseded' OR d.reason = 'by_person')`

// ifSuperseded returns the delivery to store after an attempt if its row turns out to be
// superseded at that moment; nil if that makes no difference.
func ifSuperseded(d hook.Delivery, now time.Time) *hook.Delivery {
	if !d.State.Waiting() {
		return nil
	}
	t, ok := hook.Next(d, hook.Trigger{Kind: hook.OnSupersede}, hook.Policy{}, hook.Standing{}, now)
	if !ok {
		return nil
	}
	return &t.Delivery
}

// edge is an arrow of the state diagram. All deliveries of its mode that are in one of its
// states and not superseded get the same new state.
type edge struct {
	mode hook.Mode
	from []hook.State
	to   hook.Delivery // state, reason, superseded and when it ended
}

// edges are the arrows that a trigger makes which does not depend on the endpoint: [hook.OnSupersede], which a newer
// snapshot pulls for the deliveries of the older one, or [hook.OnCancel].
func edges(by hook.TriggerKind, now time.Time) (list []edge) {
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		for _, state := range hook.States {
			t, ok := hook.Next(hook.Delivery{Mode: mode, State: state}, hook.Trigger{Kind: by}, hook.Policy{},
				hook.Standing{}, now)
			if !ok {
				continue
			}
			same := func(e edge) bool { return e.to == t.Delivery }
			if i := slices.IndexFunc(list, same); i >= 0 {
				list[i].from = append(list[i].from, state)
			} else {
				list = append(list, edge{mode, []hook.State{state}, t.Delivery})
			}
		}
	}
	return list
}

// supersede changes the deliveries of an event because there is a newer snapshot. It returns
// the changed deliveries, each with its ids, state, reason and end.
func (t *tx) supersede(of hook.ScheduleName, event hook.EventID, now time.Time) (list []hook.Delivery, err error) {
	last := event.Delivery(hook.MaxFanout)
	q := query{}
	q.and("tenant = %s", of.Tenant)
	q.and("id > %s", event[:])
	q.and("id <= %s", last[:])
	list, err = t.follow(edges(hook.OnSupersede, now), q)
	for i := range list {
		list[i].Tenant, list[i].Type = of.Tenant, of.Type
	}
	return list, err
}

// follow moves the deliveries that a query finds along edges. It returns the changed ones, each with its ids, state,
// reason and end.
func (t *tx) follow(edges []edge, which query) (list []hook.Delivery, err error) {
	for _, e := range edges {
		q := query{slices.Clone(which.where), slices.Clone(which.args)}
		q.and("mode = %s", string(e.mode))
		q.where = append(q.where, "NOT "+isSuperseded, q.oneOf("state", e.from))
		ended := "CAST(" + q.arg(micros(e.to.FinishedAt)) + " AS BIGINT)"
		set := []string{
			"state = " + q.arg(string(e.to.State)), "reason = " + q.arg(e.to.Reason), "superseded = " + q.arg(e.to.Superseded),
			"finished_at = " + ended,
			// A delivery that ended is not due any more. One that is being sent keeps its
			// times.
			"due_at = CASE WHEN " + ended + " IS NULL THEN due_at END",
			"next_attempt_at = CASE WHEN " + ended + " IS NULL THEN next_attempt_at END",
		}
		changed, err := t.returning(`UPDATE deliveries SET `+strings.Join(set, ", ")+` WHERE `+q.conditions()+` RETURNING id, endpoint`, q.args...)
		if err != nil {
			return nil, err
		}
		for _, c := range changed {
			d := e.to
			d.ID, d.Endpoint = c.delivery, c.endpoint
			list = append(list, d)
		}
	}
	return list, nil
}

// changedRow names a delivery that a statement has changed.
type changedRow struct {
	delivery hook.DeliveryID
	endpoint hook.EndpointID
}

// returning runs a statement that returns the ids of deliveries and of their endpoints.
func (t *tx) returning(statement string, args ...any) (list []changedRow, err error) {
	rows, err := t.rows(statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, endpoint []byte
		if err := rows.Scan(&id, &endpoint); err != nil {
			return nil, err
		}
		list = append(list, changedRow{hook.DeliveryID(id), hook.EndpointID(endpoint)})
	}
	return list, rows.Err()
}
