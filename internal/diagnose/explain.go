package diagnose

// Why is a reason why an event was or was not delivered to an endpoint, or what happens to
// its delivery next.
type Why string

// Whether an endpoint got an event.
const (
	WhyDelivered    Why = "delivered"
	WhyWaiting      Why = "waiting"
	WhyFailed       Why = "failed"
	WhyUnknown      Why = "unknown"
	WhyCancelled    Why = "cancelled"
	WhyContract     Why = "other_contract"
	WhyType         Why = "event_type"
	WhyFilter       Why = "filter"
	WhyFilterFailed Why = "filter_failed"
	WhyCreatedLater Why = "created_later"
	WhyDisabled     Why = "disabled"
	WhyPaused       Why = "paused"
	WhyUnreadable   Why = "unreadable"
	WhyTest         Why = "test_event"
	WhyChanged      Why = "changed_since"
	WhyScript       Why = "script"
	WhyOverBudget   Why = "over_budget"
)

// What caused the event of a delivery. {event} is the title of the event type, {kind} that of
// the kind of record.
const (
	WhyPosted    Why = "posted"
	WhyRecord    Why = "record_changed"
	WhySchedule  Why = "schedule_due"
	WhyForwarded Why = "received"
)

// Why the endpoint got the event.
const (
	WhyTakesAll    Why = "takes_all"
	WhyTakesType   Why = "takes_type"
	WhyTakesFilter Why = "takes_filter"
	WhyTookThen    Why = "took_then"
	WhyGone        Why = "destination_deleted"
)

// Which answer counts as success, and whether the latest one did. {contract} is the title of
// the webhook system, {status} the status of the answer.
const (
	WhyStatusCounts  Why = "status_counts"
	WhyStatusHeld    Why = "status_held"
	WhyStatusNotHeld Why = "status_not_held"
	WhyRuleCounts    Why = "rule_counts"
	WhyRuleHeld      Why = "rule_held"
	WhyRuleNotHeld   Why = "rule_not_held"
	WhyTooLate       Why = "answer_too_late"
	WhyNoAnswer      Why = "no_answer"
)

// Which rule of the contract decided what follows from the latest attempt.
const (
	WhyRuleDisables Why = "rule_disables"
	WhyRuleStops    Why = "rule_stops"
	WhyRulePauses   Why = "rule_pauses"
	WhyRuleRetries  Why = "rule_retries"
	WhyRuleFailed   Why = "rule_failed"
)

// What happens next. {n} is the number of the next attempt, {most} how many there can be.
const (
	WhyFirst      Why = "first_attempt"
	WhyNext       Why = "next_attempt"
	WhyNow        Why = "sending_now"
	WhyDone       Why = "nothing_more"
	WhyGaveUp     Why = "gave_up"
	WhyOnce       Why = "once_only"
	WhyTestOnce   Why = "test_once"
	WhySuperseded Why = "superseded"
	WhyHolds      Why = "holds_the_queue"
	WhyHeldBehind Why = "held_behind"
	WhySkipped    Why = "skipped"
	WhyTrial      Why = "trial"
	WhySwitched   Why = "cancelled_disabled"
	WhyLeftOut    Why = "left_out"
	WhyMendFilter Why = "mend_filter"
)

// Explain is the text of a reason, in one of the languages en, es and pt; for any other it is
// in English. facts are names of placeholders and their values, in turn.
func Explain(why Why, language string, facts ...string) string {
	return catalogue.In(language, "why."+string(why), facts...)
}
