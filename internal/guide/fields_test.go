package guide

import (
	"fmt"
	"strings"
	"testing"
)

// The fields of a large body are listed in one pass: a search of the whole example for each of its members would read
// 100 GB here, and the test would not end.
func TestFieldsOfLargeExample(t *testing.T) {
	t.Parallel()
	var example, schema strings.Builder
	example.WriteString(`{"first":1`)
	schema.WriteString(`{"required":["first"],"properties":{"first":{"type":"integer"}`)
	const n = 100_000
	for i := range n {
		fmt.Fprintf(&example, `,"member%d":"x"`, i)
		fmt.Fprintf(&schema, `,"member%d":{"type":"string"}`, i)
	}
	schema.WriteString("}}")
	list := fieldsOf([]byte(schema.String()), []byte(example.String()+"}"))
	if len(list) != n+1 || list[0].path != "first" || list[0].required != "yes" || list[n].required != "no" ||
		len(list[n].types) != 1 || list[n].types[0] != "string" {
		t.Errorf("%d fields, the last is %+v", len(list), list[len(list)-1])
	}
}
