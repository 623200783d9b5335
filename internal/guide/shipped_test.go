package guide

import (
	"slices"
	"strings"
	"testing"
)

// in are pieces of text that a document has to have in each language; those of all stand in every one.
type in struct{ all, en, es, pt []string }

// What the systems' own documents say, ours say too, in each language.
func TestShippedContractsSayWhatTheirDocumentsSay(t *testing.T) {
	t.Parallel()
	said := map[string]in{
		"upnify": {
			all: []string{
				// The names of the page, beside natural ones.
				"| Conduz a mudança de fase |", "| Citação criada |", "| Folheto não compartilhado |", "| Novo folheto |", "| Brochura reativada |",
				"| Cliente arquivado |", "| Oportunidade de vendas editadas |", "| Seguimento para prospecção |", "| Nova venda |",
				"*última execução*",
			},
			en: []string{
				"**Sistema > Integraciones > Webhooks**", "who can program", "A security code", "| Quote created |", "| New prospect |",
				"A prospect (a lead) moved to another phase.", "A quote was created.", "point of sale", "its last execution", "Post, because",
				"is the phase of a lead", "is a quote", "is a prospect", "are tokens",
			},
			es: []string{
				"**Sistema > Integraciones > Webhooks**", "que sepan programar", "Un código de seguridad", "| Cotización creada |",
				"Un prospecto pasó a otra fase.", "Se creó una cotización.", "| Nuevo prospecto |", "| Prospecto reactivado |",
				"punto de venta", "la última ejecución", "el historial", "desactivarlo o eliminarlo", "Post, porque",
			},
			pt: []string{
				"**Sistema > Integrações > Webhooks**", "saiba programar", "Um código de segurança", "| Leads: mudança de fase |",
				"| Cotação criada |", "| Novo prospecto |", "| Prospecto reativado |", "Uma cotação foi criada.",
				"ponto de venda", "a última execução", "o histórico", "desativar ou excluir", "Post, porque",
			},
		},
		"catacliente": {
			all: []string{"`{\"message\":\"Workflow was started\"}`", "`{\"success\":true,\"message\":\"Success\"}`", "`Accepted`", "`Webhook recebido.`", "Contato Teste"},
			en: []string{
				"probably answers HTTP 200, but nothing happens", "only sends the information", "### I want a webhook for one user. Is that possible?",
				"only per company", "0: the message is not pending", "1: it was not sent yet", "### I set up the webhook, but nothing shows in my tool.",
				"### The format does not suit my system. Can I get another one?",
			},
			es: []string{
				"probablemente responda HTTP 200, pero no pasará nada", "solo envía la información", "### Quiero configurar el webhook para un usuario específico. ¿Es posible?",
				"únicamente por empresa", "0: el mensaje no está pendiente", "1: aún no se envió",
			},
			pt: []string{
				"provavelmente retorna HTTP 200, mas nada vai acontecer", "apenas envia as informações",
				"### Quero configurar o webhook para um usuário específico. É possível?", "apenas por empresa",
				"0: a mensagem não está pendente", "1: ainda não foi enviada",
			},
		},
		"cabaprop": {
			all: []string{
				"**Configuración > Integración > Crear nueva clave**", "https://cabaprop.ar/api/v1/integration-docs#/", "/Credenciales.md)",
				"'https://hooks.example.com/api/integration/get-conversation/",
			},
			en: []string{"200 milliseconds", "sent once", "not valid JSON", "a test environment", "only notification", "expired"},
			es: []string{"200 milisegundos", "una sola vez", "no es JSON válido", "entorno de pruebas", "única notificación", "venció"},
			pt: []string{"200 milissegundos", "uma única vez", "não é JSON válido", "ambiente de testes", "única notificação", "expirou"},
		},
		"kobra": {
			all: []string{
				"| 1 | `DebtCollection` |", "| 2 | `Addres validation` |", "| 3 | `Bussiness validation` |",
				"| 1 | `text` |", "| 2 | `text-area` |", "| 3 | `numeric` |", "| 4 | `decimal` |", "| 5 | `datepicker` |",
				"| 6 | `checkbox` |", "| 7 | `radio` |", "| 8 | `switch` |", "| 9 | `combo` |", "| 10 | `time` |",
				"`visitId`", "`Ing`", "`externalID`", "`rebound`", "`checklist`, `phones`", "Max length", "5 datepicker", "Google Maps",
			},
			en: []string{"### Products", "real time", "a text such as `\"9A1190V5974\"`", "are lists"},
			es: []string{"### Productos", "tiempo real", "un texto como `\"9A1190V5974\"`", "son listas"},
			pt: []string{"### Produtos", "tempo real", "um texto como `\"9A1190V5974\"`", "são listas"},
		},
		"prolibu": {
			all: []string{
				"https://nodriza-io.github.io/nodriza/#/reference-webhook", "https://nodriza-io.github.io/nodriza/#/guide",
				"https://github.com/nodriza-io/nodriza/blob/master/docs/api-key.md", "`application/json`", "`application/x-www-form-urlencoded`", "2404", "777",
				"carga útil",
			},
			en: []string{"all 71", "When an invoice is created.", "no document says when", "lead or client", "When the status of a proposal changes."},
			es: []string{"los 71", "Cuando se crea una factura.", "Ningún documento dice cuándo", "lead o cliente", "Cuando cambia el estado de una propuesta."},
			pt: []string{"todos os 71", "Quando uma fatura é criada.", "Nenhum documento diz quando", "lead ou cliente", "Quando o status de uma proposta muda."},
		},
	}
	for _, c := range shipped(t) {
		of := said[c.Name]
		for language, texts := range map[string][]string{"en": of.en, "es": of.es, "pt": of.pt} {
			text := string(Sender{URL: "https://hooks.example.com"}.Markdown(c, language))
			for _, want := range slices.Concat(of.all, texts) {
				if !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
					t.Errorf("%s in %s does not say %q", c.Name, language, want)
				}
			}
		}
	}
}

// Each event type of the shipped contracts says when it comes, in each language.
func TestEachShippedEventSaysWhen(t *testing.T) {
	t.Parallel()
	for _, c := range shipped(t) {
		seen := map[string]string{}
		for _, e := range c.EventTypes() {
			for _, language := range Languages {
				about := e.About.In(language)
				if about == "" || language != "en" && about == e.About.En {
					t.Errorf("%s: %s does not say in %s when it comes", c.Name, e.Name, language)
				}
				if other, twice := seen[about]; twice && about != "" {
					t.Errorf("%s: %s and %s say the same: %s", c.Name, e.Name, other, about)
				}
				seen[about] = e.Name
			}
		}
	}
}

// A contract's tables, questions, notes and links become plain Markdown.
func TestHelp(t *testing.T) {
	t.Parallel()
	c := parse(t, `
contract: shop
title: Shop
events: {order.paid: {title: Paid, aliases: [Zahlung, Pago], example: '{"state":1}'}, order.made: {title: Made, example: '{"state":1}'}}
docs:
  where: In the menu **Settings**.
  needs: [An administrator, {en: A server, es: Un servidor, pt: Um servidor}]
  tables: [{title: States, about: All of them., head: [ID, Meaning], rows: [[1, paid], ["2|3", {en: refunded, es: devuelto, pt: devolvido}]]}]
  faq: [{question: Is it free?, answer: No.}]
  notes: [The page says 3. It is 4.]
  links: [{title: The manual, url: "https://docs.example.com/x"}]
`)
	for language, more := range map[string][]string{
		"en": {"| 2\\|3 | refunded |", "Leave it empty for all 2 of them.", "| In its own documentation |"},
		"es": {"| 2\\|3 | devuelto |", "- Un servidor\n"},
		"pt": {"| 2\\|3 | devolvido |"},
	} {
		text := string(Markdown(c, language))
		for _, want := range append(more, "In the menu **Settings**.\n", "- An administrator\n", "### States\n\nAll of them.\n\n| ID | Meaning |\n|---|---|\n| 1 | paid |\n",
			"### Is it free?\n\nNo.\n", "- The page says 3. It is 4.\n", "- [The manual](https://docs.example.com/x)\n",
			"| `order.paid` | Paid | Zahlung, Pago |", "| `order.made` | Made |  |") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in\n%s", language, want, text)
			}
		}
		wellFormed(t, text)
	}
}
