package diagnose

// languages are those of all texts; the first is the one for everybody else.
var languages = []string{"en", "es", "pt"}
