package diagnose

// Why says how one endpoint and one event came, or did not come, together.
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

// Explain is a reason in one of the languages en, es and pt.
func Explain(why Why, language string) string { return reasons[why].in(known(language)) }

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
}
