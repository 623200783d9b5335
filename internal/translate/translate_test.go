package translate

import (
	"strings"
	"testing"
)

func TestIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ language, message, want string }{
		{"es", "A duration needs a unit.", "Una duración necesita una unidad."},
		{"pt", "A duration needs a unit.", "Uma duração precisa de uma unidade."},
		{"en", "A duration needs a unit.", "A duration needs a unit."},
		// What differs is found again; the program's own words in it are translated, other people's are not.
		{"es", "This has to be a text, not a list.", "Esto debe ser un texto, no una lista."},
		{"es", "The event type month has no key a list.", "El tipo de evento month no tiene la clave a list."},
		{"es", "There is no record month.", "No existe el registro month."},
		{"es", "+ cannot be used between a text and a whole number.", "+ no se puede usar entre un texto y un número entero."},
		{"es", "when belongs to on or every or cron, and the event type a has none.", "when va con on o every o cron, y el tipo de evento a no lo tiene."},
		// Sentences that follow each other, and errors that stand in others.
		{"es", "There is no stat here. Did you mean response.status?", "Aquí no existe stat. ¿Quiso escribir response.status?"},
		{
			"es", "This template is wrong: there is no token here. What people fill in is written ${settings.token}, and described under settings.",
			"Esta plantilla está mal: aquí no existe token. Lo que se llena en el formulario se escribe ${settings.token} y se describe en settings.",
		},
		{"es", "The change fires [a], and not b.", "El cambio produce [a], y no b."},
		{
			"es", "The body differs. At byte 3 of 9:\n  expected  {\"a\":1}\n  but came  {\"a\":2}",
			"El cuerpo es distinto. En el byte 3 de 9:\n  se esperaba  {\"a\":1}\n  pero llegó   {\"a\":2}",
		},
		// Texts with several sentences of their own.
		{"es", `There is no colon behind b. Or c.`, `Faltan los dos puntos después de b. Or c.`},
		{"es", "", ""},
	} {
		if got, known := In(c.language, c.message); got != c.want || !known {
			t.Errorf("%s %q:\n got %q (%t)\nwant %q", c.language, c.message, got, known, c.want)
		}
	}
	for _, unknown := range []string{"Something that nobody says here.", "A duration needs a unit. And nobody says this."} {
		if got, known := In("es", unknown); got != unknown || known {
			t.Errorf("%q became %q, %t", unknown, got, known)
		}
	}
}

// Each message finds its own translation and not that of another, whatever stands in its places.
func TestEachFindsItself(t *testing.T) {
	t.Parallel()
	for _, p := range patterns() {
		var facts []string
		for _, name := range p.names {
			facts = append(facts, name, "x-"+name)
		}
		said := catalogue().In("en", p.key, facts...)
		want := catalogue().In("pt", p.key, facts...)
		got, ok := match("pt", said, p.part, true)
		if !ok || got != want {
			t.Errorf("%s: %q becomes %q, want %q", p.key, said, got, want)
		}
		if len(p.names) == 0 && p.weight == 0 || len(strings.TrimSpace(p.longest)) < 2 {
			t.Errorf("%s says nothing by itself", p.key)
		}
	}
}

// A message takes no longer than what was written, however long that is.
func TestLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a. B ", 20_000)
	In("es", "There is no colon behind "+long+".")
	In("es", long)
}
