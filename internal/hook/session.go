package hook

// SessionID names a session of the console or the portal. It is part of a hash of what the browser keeps, so who reads
// it cannot use the session.
type SessionID [16]byte
