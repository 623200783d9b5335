package diagnose

import "strings"

// Why says how one endpoint and one event came, or did not come, together, and
// what becomes of the delivery that was made for them.
type Why string

// The reasons of [Explain].
const (
	WhyDelivered    Why = "delivered"
	WhyWaiting      Why = "waiting"
	WhyFailed       Why = "failed"
	WhyUnknown      Why = "unknown"
	WhyCancelled    Why = "cancelled"
	WhyContract     Why = "other_contract"
	WhyType         Why = "event_type"
	WhyFilter       Why = "filter"
	WhyFilterFailed Why = "filter_failed"
	WhyCreatedLater Why = "created_later"
	WhyDisabled     Why = "disabled"
	WhyPaused       Why = "paused"
	WhyTest         Why = "test_event"
	WhyChanged      Why = "changed_since"
	WhyScript       Why = "script"
)

// What made the event of a delivery. {event} is its title, {kind} that of a record.
const (
	WhyPosted    Why = "posted"
	WhyRecord    Why = "record_changed"
	WhySchedule  Why = "schedule_due"
	WhyForwarded Why = "received"
)

// Why the destination got it.
const (
	WhyTakesAll    Why = "takes_all"
	WhyTakesType   Why = "takes_type"
	WhyTakesFilter Why = "takes_filter"
	WhyTookThen    Why = "took_then"
	WhyGone        Why = "destination_deleted"
)

// What counts as success, and whether the latest answer did. {contract} is the
// title of the webhook system, {status} the code of the answer.
const (
	WhyStatusCounts  Why = "status_counts"
	WhyStatusHeld    Why = "status_held"
	WhyStatusNotHeld Why = "status_not_held"
	WhyRuleCounts    Why = "rule_counts"
	WhyRuleHeld      Why = "rule_held"
	WhyRuleNotHeld   Why = "rule_not_held"
	WhyTooLate       Why = "answer_too_late"
	WhyNoAnswer      Why = "no_answer"
)

// What happens next. {n} and {most} are places in the schedule.
const (
	WhyFirst      Why = "first_attempt"
	WhyNext       Why = "next_attempt"
	WhyNow        Why = "sending_now"
	WhyDone       Why = "nothing_more"
	WhyGaveUp     Why = "gave_up"
	WhyOnce       Why = "once_only"
	WhyTestOnce   Why = "test_once"
	WhySuperseded Why = "superseded"
	WhySwitched   Why = "cancelled_disabled"
)

// Explain is a reason in one of the languages en, es and pt. facts are pairs of
// a name and what takes the place of {name}.
func Explain(why Why, language string, facts ...string) string {
	for i := 0; i+1 < len(facts); i += 2 {
		facts[i] = "{" + facts[i] + "}"
	}
	return strings.NewReplacer(facts...).Replace(reasons[why].in(known(language)))
}

var reasons = map[Why]words{
	WhyDelivered: {
		"The event was delivered here.",
		"El evento se entregó aquí.",
		"O evento foi entregue aqui.",
	},
	WhyWaiting: {
		"The event is on its way here: it waits for its turn or for the next attempt.",
		"El evento va en camino: espera su turno o el siguiente intento.",
		"O evento está a caminho: espera a sua vez ou a próxima tentativa.",
	},
	WhyFailed: {
		"The event was sent here, and every attempt failed. Read the delivery to see why.",
		"El evento se envió aquí y todos los intentos fallaron. Consulte la entrega para ver por qué.",
		"O evento foi enviado para cá e todas as tentativas falharam. Consulte a entrega para ver o motivo.",
	},
	WhyUnknown: {
		"The event was sent here once and we were interrupted, so nobody can tell whether it arrived. It is never sent twice.",
		"El evento se envió aquí una vez y fuimos interrumpidos, así que nadie puede saber si llegó. Nunca se envía dos veces.",
		"O evento foi enviado para cá uma vez e fomos interrompidos, então ninguém pode saber se chegou. Ele nunca é enviado duas vezes.",
	},
	WhyCancelled: {
		"The event was meant for this destination, but its sending was cancelled. Read the delivery to see why.",
		"El evento era para este destino, pero su envío se canceló. Consulte la entrega para ver por qué.",
		"O evento era para este destino, mas o envio foi cancelado. Consulte a entrega para ver o motivo.",
	},
	WhyScript: {
		"The event was meant for this destination, but the small program that changes its messages said not to send it.",
		"El evento era para este destino, pero el pequeño programa que cambia sus mensajes indicó que no se enviara.",
		"O evento era para este destino, mas o pequeno programa que altera as mensagens indicou que não fosse enviado.",
	},
	WhyContract: {
		"The event belongs to another webhook system than this destination.",
		"El evento pertenece a un sistema de webhooks distinto al de este destino.",
		"O evento pertence a um sistema de webhooks diferente do deste destino.",
	},
	WhyType: {
		"This destination does not take events of this type.",
		"Este destino no recibe eventos de este tipo.",
		"Este destino não recebe eventos deste tipo.",
	},
	WhyFilter: {
		"The filter of this destination says no to this event.",
		"El filtro de este destino dice que no a este evento.",
		"O filtro deste destino diz não a este evento.",
	},
	WhyFilterFailed: {
		"The filter of this destination cannot be applied to this event, so the event was left out.",
		"El filtro de este destino no se puede aplicar a este evento, así que el evento se omitió.",
		"O filtro deste destino não pode ser aplicado a este evento, então o evento foi deixado de fora.",
	},
	WhyCreatedLater: {
		"This destination was created after the event happened.",
		"Este destino se creó después de que ocurrió el evento.",
		"Este destino foi criado depois que o evento aconteceu.",
	},
	WhyDisabled: {
		"This destination is switched off, and then nothing is sent to it.",
		"Este destino está desactivado, y entonces no se le envía nada.",
		"Este destino está desativado, e então nada é enviado a ele.",
	},
	WhyPaused: {
		"This destination is paused: what is meant for it waits until it is resumed.",
		"Este destino está en pausa: lo que es para él espera hasta que se reanude.",
		"Este destino está em pausa: o que é para ele espera até que seja retomado.",
	},
	WhyTest: {
		"The event was made by the test button, and goes only where the test was made.",
		"El evento se creó con el botón de prueba y solo va a donde se hizo la prueba.",
		"O evento foi criado pelo botão de teste e só vai para onde o teste foi feito.",
	},
	WhyChanged: {
		"As it is set up now, this destination would get the event. It was probably switched off, or set up differently, when the event happened.",
		"Como está configurado ahora, este destino recibiría el evento. Probablemente estaba desactivado, o configurado de otra forma, cuando ocurrió el evento.",
		"Como está configurado agora, este destino receberia o evento. Provavelmente estava desativado, ou configurado de outra forma, quando o evento aconteceu.",
	},
	WhyPosted: {
		"The product reported that this happened: {event}.",
		"El producto informó que esto ocurrió: {event}.",
		"O produto informou que isto aconteceu: {event}.",
	},
	WhyRecord: {
		"Data of the product changed ({kind}), and the change is one that makes this event: {event}.",
		"Cambiaron datos del producto ({kind}), y el cambio es de los que producen este evento: {event}.",
		"Dados do produto mudaram ({kind}), e a mudança é das que produzem este evento: {event}.",
	},
	WhySchedule: {
		"It was time for what is made of the data every so often: {event}.",
		"Era la hora de lo que se hace con los datos cada cierto tiempo: {event}.",
		"Era a hora do que se faz com os dados de tempos em tempos: {event}.",
	},
	WhyForwarded: {
		"It was received from another system: {event}.",
		"Se recibió de otro sistema: {event}.",
		"Foi recebido de outro sistema: {event}.",
	},
	WhyTakesAll: {
		"This destination takes every event.",
		"Este destino recibe todos los eventos.",
		"Este destino recebe todos os eventos.",
	},
	WhyTakesType: {
		"This destination takes events of this type.",
		"Este destino recibe eventos de este tipo.",
		"Este destino recebe eventos deste tipo.",
	},
	WhyTakesFilter: {
		"This destination takes events of this type, and its filter says yes to this one.",
		"Este destino recibe eventos de este tipo, y su filtro dice que sí a este.",
		"Este destino recebe eventos deste tipo, e o filtro dele diz sim a este.",
	},
	WhyTookThen: {
		"This destination took the event as it was set up then. As it is set up now, it would not.",
		"Este destino recibió el evento según estaba configurado entonces. Como está configurado ahora, no lo recibiría.",
		"Este destino recebeu o evento como estava configurado na época. Como está configurado agora, não receberia.",
	},
	WhyGone: {
		"This destination took the event, and has been deleted since.",
		"Este destino recibió el evento y después se eliminó.",
		"Este destino recebeu o evento e depois foi excluído.",
	},
	WhyStatusCounts: {
		"An answer with a code from 200 to 299 counts as success.",
		"Una respuesta con un código de 200 a 299 cuenta como éxito.",
		"Uma resposta com um código de 200 a 299 conta como sucesso.",
	},
	WhyStatusHeld: {
		"The answer counts as success: its code, {status}, is one from 200 to 299.",
		"La respuesta cuenta como éxito: su código, {status}, está entre 200 y 299.",
		"A resposta conta como sucesso: o código dela, {status}, está entre 200 e 299.",
	},
	WhyStatusNotHeld: {
		"The answer does not count as success: its code, {status}, is not one from 200 to 299.",
		"La respuesta no cuenta como éxito: su código, {status}, no está entre 200 y 299.",
		"A resposta não conta como sucesso: o código dela, {status}, não está entre 200 e 299.",
	},
	WhyRuleCounts: {
		"Which answer counts as success is decided by the rule of {contract}.",
		"La regla de {contract} decide qué respuesta cuenta como éxito.",
		"A regra de {contract} decide qual resposta conta como sucesso.",
	},
	WhyRuleHeld: {
		"The answer (code {status}) counts as success by the rule of {contract}.",
		"La respuesta (código {status}) cuenta como éxito según la regla de {contract}.",
		"A resposta (código {status}) conta como sucesso segundo a regra de {contract}.",
	},
	WhyRuleNotHeld: {
		"The answer (code {status}) does not count as success by the rule of {contract}.",
		"La respuesta (código {status}) no cuenta como éxito según la regla de {contract}.",
		"A resposta (código {status}) não conta como sucesso segundo a regra de {contract}.",
	},
	WhyTooLate: {
		"The answer would count as success, but it came after the time allowed.",
		"La respuesta contaría como éxito, pero llegó después del tiempo permitido.",
		"A resposta contaria como sucesso, mas chegou depois do tempo permitido.",
	},
	WhyNoAnswer: {
		"No complete answer came, so there is none that could count as success.",
		"No llegó una respuesta completa, así que ninguna pudo contar como éxito.",
		"Não chegou uma resposta completa, então nenhuma pôde contar como sucesso.",
	},
	WhyFirst: {
		"It waits for its turn and is then sent for the first time.",
		"Espera su turno y entonces se envía por primera vez.",
		"Espera a sua vez e então é enviado pela primeira vez.",
	},
	WhyNext: {
		"It is sent again by itself: try {n} of at most {most}.",
		"Se envía de nuevo por sí solo: intento {n} de un máximo de {most}.",
		"É enviado de novo automaticamente: tentativa {n} de no máximo {most}.",
	},
	WhyNow: {
		"It is being sent at this moment.",
		"Se está enviando en este momento.",
		"Está sendo enviado neste momento.",
	},
	WhyDone: {
		"It has arrived. Nothing more is sent.",
		"Ya llegó. No se envía nada más.",
		"Já chegou. Nada mais é enviado.",
	},
	WhyGaveUp: {
		"It is not sent again by itself. Once the cause is put right, a person can send it again.",
		"No se envía de nuevo por sí solo. Cuando se corrija la causa, una persona puede enviarlo otra vez.",
		"Não é enviado de novo automaticamente. Quando a causa for corrigida, uma pessoa pode enviá-lo outra vez.",
	},
	WhyOnce: {
		"Here each message is sent only once, so it is never sent again.",
		"Aquí cada mensaje se envía una sola vez, así que nunca se envía de nuevo.",
		"Aqui cada mensagem é enviada uma única vez, então nunca é enviada de novo.",
	},
	WhyTestOnce: {
		"A test is sent only once.",
		"Una prueba se envía una sola vez.",
		"Um teste é enviado uma única vez.",
	},
	WhySuperseded: {
		"It is not sent any more, because a newer one has taken its place.",
		"Ya no se envía, porque uno más nuevo ocupó su lugar.",
		"Não é mais enviado, porque um mais novo tomou o lugar dele.",
	},
	WhySwitched: {
		"It is not sent any more, because the destination was switched off or deleted.",
		"Ya no se envía, porque el destino se desactivó o se eliminó.",
		"Não é mais enviado, porque o destino foi desativado ou excluído.",
	},
}
