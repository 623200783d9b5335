package api

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// This file adds to the OpenAPI document what huma cannot derive from Go types. The types of package client describe
// themselves (see finishSchemas), and each operation is described beside its handler.

func pathParameter(name, text, example string) *huma.Param {
	return &huma.Param{
		Name: name, In: "path", Required: true, Description: text,
		Schema: &huma.Schema{Type: huma.TypeString}, Example: example,
	}
}

func headerParameter(name, text string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

func onceParameter() *huma.Param {
	p := headerParameter("Idempotency-Key", "Makes the whole request idempotent.")
	p.Schema.MinLength, p.Schema.MaxLength = new(1), new(maxKey)
	return p
}

const schemaPrefix = "#/components/schemas/"

// describeItems says that the items of a batch's answer are each an answer or an error. In Go one type holds both.
func describeItems(doc *huma.OpenAPI, answer, answers reflect.Type) {
	registry := doc.Components.Schemas
	one := registry.Schema(answer, true, "")
	delete(registry.SchemaFromRef(one.Ref).Properties, "error")
	batch := registry.SchemaFromRef(registry.Schema(answers, true, "").Ref)
	batch.Properties["items"].Items = &huma.Schema{OneOf: []*huma.Schema{
		{Ref: one.Ref},
		{
			Type: huma.TypeObject, Required: []string{"error"},
			Properties: map[string]*huma.Schema{"error": {Ref: schemaPrefix + "Problem"}},
		},
	}}
}

// finishSchemas says in the schemas what huma does not see in the Go types: a pointer to a struct that is never left
// out may be null, a member with the tag object:"true" is an object, and answers may get new members, while what is
// sent to us may not.
func finishSchemas(doc *huma.OpenAPI) {
	registry := doc.Components.Schemas
	sent := sentToUs(doc)
	for name, s := range registry.Map() {
		if !sent[name] {
			s.AdditionalProperties = nil
		}
		t := registry.TypeFromRef(schemaPrefix + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			p := s.Properties[member]
			switch {
			case p == nil:
			case f.Tag.Get("object") == "true":
				p.Type = huma.TypeObject
			case p.Ref != "" && f.Type.Kind() == reflect.Pointer && !slices.Contains(strings.Split(options, ","), "omitempty"):
				s.Properties[member] = &huma.Schema{Description: p.Description, OneOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
			}
		}
	}
}

// sentToUs are the names of the schemas of request bodies, and of what is in them.
func sentToUs(doc *huma.OpenAPI) map[string]bool {
	found := map[string]bool{}
	var visit func(s *huma.Schema)
	visit = func(s *huma.Schema) {
		if s == nil {
			return
		}
		if name, ok := strings.CutPrefix(s.Ref, schemaPrefix); ok && !found[name] {
			found[name] = true
			visit(doc.Components.Schemas.SchemaFromRef(s.Ref))
		}
		for _, p := range s.Properties {
			visit(p)
		}
		for _, one := range s.OneOf {
			visit(one)
		}
		visit(s.Items)
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Put, item.Post, item.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, content := range op.RequestBody.Content {
				visit(content.Schema)
			}
		}
	}
	return found
}
