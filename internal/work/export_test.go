package work

// Cores is how many tenants whose accounts are empty may compute at once.
func Cores(x *Accounts) int { return cap(x.cores) }

// Balance is what is left in an account.
func (a *Account) Balance() int64 { return a.balance.Load() }
