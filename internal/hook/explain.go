package hook

// Reason is one reason for which something is as it is.
type Reason struct {
	Code   string // stable word, see docs/diagnosis.md
	Detail string // a sentence for people, in their language
	Cause  string // what exactly, for programmers: a rule, or an error in English; "" if there is nothing to add
}

// Why says which rules made a delivery what it is, and what happens next.
type Why struct {
	Made   *Reason // what made the event; nil: the event was removed
	Taken  *Reason // why the endpoint got it; nil: the event was removed
	Judged *Reason // what counts as success; nil: the contract is gone
	Rule   *Reason // the rule of the contract that decided what follows from the latest attempt; nil: none did
	Next   Reason
}

// Diagnosis says what became of an attempt, in words for people who do not program.
type Diagnosis struct {
	Code     string // stable word, see docs/diagnosis.md
	Level    string // ok, warning or error
	Language string // of Title and Advice: en, es or pt
	Title    string // what is the matter, in a few words
	Advice   string // what to do, and what to ask whom
}
