package expr

import "sync"

// Settings is the scope of a condition on the settings of an endpoint.
var Settings = sync.OnceValue(func() *Scope { return NewScope(Variable{"settings", JSON}) })

// NewSettings is the [Vars] for [Settings].
func NewSettings(doc []byte) Vars { return settings{Raw(doc)} }

type settings struct{ doc any }

func (s settings) Value(name string) (any, bool) { return s.doc, name == "settings" }
