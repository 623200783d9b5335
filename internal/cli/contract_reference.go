package cli

import (
	"fmt"

	"gancho/internal/contract"
	"gancho/internal/nearest"
)

// contractReferenceCmd prints what can stand in a contract.
type contractReferenceCmd struct {
	Word   string `arg:"" optional:"" name:"key" help:"Only this key, or the keys of this section."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file instead of standard output."`
}

func (c *contractReferenceCmd) Help() string {
	return `Each key of a contract: what stands there, what holds without it, and what it says.
Without a key it is docs/contract-reference.md.

Examples:

    gancho contract reference debounce
    gancho contract reference delivery.retry
    gancho contract reference --output docs/contract-reference.md`
}

// Run prints the reference, in Markdown, or some keys, as text.
func (c *contractReferenceCmd) Run(out console) error {
	if c.Word == "" {
		return write(out, c.Output, []byte(contract.Reference()))
	}
	keys := contract.Keys(c.Word)
	if len(keys) == 0 {
		var known []string
		for _, k := range contract.Keys("") {
			known = append(known, k.Path, k.Name())
		}
		return fmt.Errorf("no key of a contract is called %s.%s", c.Word, nearest.DidYouMean(c.Word, known))
	}
	var text []byte
	for i, k := range keys {
		if i > 0 {
			text = append(text, '\n')
		}
		text = fmt.Appendf(text, "%s\n    %s\n    Value: %s\n", k.Path, k.About, k.Value)
		if k.Default != "" {
			text = fmt.Appendf(text, "    Without it: %s\n", k.Default)
		}
	}
	return write(out, c.Output, text)
}
