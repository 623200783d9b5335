package guide

import "strings"

// words are a text of ours in each language; {name} stands for a fact. They speak
// to somebody who may not program, and say usted in Spanish and você in Portuguese.
type words struct{ en, es, pt string }

func (w words) in(language string) string {
	switch language {
	case "es":
		return w.es
	case "pt":
		return w.pt
	}
	return w.en
}

// with is the text with facts, names and values in turn, filled in.
func (w words) with(language string, facts ...string) string {
	pairs := make([]string, len(facts))
	for i := 0; i+1 < len(facts); i += 2 {
		pairs[i], pairs[i+1] = "{"+facts[i]+"}", facts[i+1]
	}
	return strings.NewReplacer(pairs...).Replace(w.in(language))
}

var (
	introDocument = words{
		"The system's own public document: <{url}>.",
		"Documento público del propio sistema: <{url}>.",
		"Documento público do próprio sistema: <{url}>.",
	}

	titleWhen            = words{"When it is sent", "Cuándo se envía", "Quando é enviado"}
	titleSetup           = words{"Setting it up", "Cómo configurarlo", "Como configurar"}
	titleAuthentication  = words{"Is it really from us?", "¿Realmente viene de nosotros?", "Vem mesmo de nós?"}
	titleRequest         = words{"The request", "La solicitud", "A requisição"}
	titleFields          = words{"Fields and example", "Campos y ejemplo", "Campos e exemplo"}
	titleAnswer          = words{"What to answer, and how fast", "Qué responder y en cuánto tiempo", "O que responder e em quanto tempo"}
	titleRetries         = words{"If it does not arrive", "Si no llega", "Se não chegar"}
	titleRepeats         = words{"Duplicates", "Duplicados", "Duplicatas"}
	titleLookup          = words{"Reading more through the API", "Consultar más datos por la API", "Consultar mais dados pela API"}
	titleReceiver        = words{"Programs that receive it", "Programas que lo reciben", "Programas que recebem"}
	titleNoCode          = words{"Without programming: Zapier, Make, n8n", "Sin programar: Zapier, Make, n8n", "Sem programar: Zapier, Make, n8n"}
	titleTroubleshooting = words{"When something does not work", "Cuando algo no funciona", "Quando algo não funciona"}
	titleAssumed         = words{"What is assumed", "Qué es un supuesto", "O que é suposição"}
	assumedLabel         = words{"Assumed", "Supuesto", "Suposto"}
	assumedIntro         = words{
		"What is marked with ⚠ in this document is stated by no public document of the system. It is how it works here; ask before you rely on it.",
		"Lo que en este documento lleva ⚠ no lo afirma ningún documento público del sistema. Así funciona aquí; pregunte antes de depender de ello.",
		"O que neste documento leva ⚠ não é afirmado por nenhum documento público do sistema. É assim que funciona aqui; pergunte antes de depender disso.",
	}

	headEvent    = words{"Event", "Evento", "Evento"}
	headName     = words{"Name", "Nombre", "Nome"}
	headWhen     = words{"When", "Cuándo", "Quando"}
	headField    = words{"Field", "Campo", "Campo"}
	headEnter    = words{"What to enter", "Qué ingresar", "O que informar"}
	headType     = words{"Type", "Tipo", "Tipo"}
	headRequired = words{"Required", "Obligatorio", "Obrigatório"}
	headAbout    = words{"Meaning", "Significado", "Significado"}
	headMessage  = words{"What the test or the history says", "Qué dice la prueba o el historial", "O que o teste ou o histórico diz"}
	headAdvice   = words{"What to do", "Qué hacer", "O que fazer"}
	headCode     = words{"Code", "Código", "Código"}
	yes          = words{"yes", "sí", "sim"}
	no           = words{"no", "no", "não"}
	or           = words{" or ", " o ", " ou "}
	days         = words{"days", "días", "dias"}
	andMore      = words{"and {n} more", "y {n} más", "e mais {n}"}
	anyType      = words{"any name", "cualquier nombre", "qualquer nome"}
	possible     = words{"Possible: {values}.", "Posibles: {values}.", "Possíveis: {values}."}
	hostWord     = words{"ADDRESS-OF-THE-API", "DIRECCION-DE-LA-API", "ENDERECO-DA-API"}
	idWord       = words{"ID", "ID", "ID"}

	typeWords = map[string]words{
		"string":  {"text", "texto", "texto"},
		"integer": {"whole number", "número entero", "número inteiro"},
		"number":  {"number", "número", "número"},
		"boolean": {"true/false", "true/false", "true/false"},
		"object":  {"object", "objeto", "objeto"},
		"array":   {"list", "lista", "lista"},
		"null":    {"null", "null", "null"},
	}
)

// When it is sent.
var (
	everySo        = words{"every {time}", "cada {time}", "a cada {time}"}
	byCron         = words{"at the times `{cron}` ({zone})", "en los horarios `{cron}` ({zone})", "nos horários `{cron}` ({zone})"}
	scheduledEvent = words{
		"{event} comes {rhythm}, as one request with all records ({kind}) that qualify at that moment. It is no list of what changed: each one is complete.",
		"{event} llega {rhythm}, en una sola solicitud con todos los registros ({kind}) que cumplen la condición en ese momento. No es una lista de cambios: cada envío está completo.",
		"{event} chega {rhythm}, em uma única requisição com todos os registros ({kind}) que atendem à condição naquele momento. Não é uma lista de mudanças: cada envio está completo.",
	}
	scheduledNone = words{
		"The first one comes one interval after the webhook is switched on. If no record qualifies, nothing is sent; after an interruption one is sent, not one for each that was missed.",
		"El primero llega un intervalo después de activar el webhook. Si ningún registro cumple la condición, no se envía nada; después de una interrupción se envía uno, no uno por cada envío perdido.",
		"O primeiro chega um intervalo depois de ativar o webhook. Se nenhum registro atende à condição, nada é enviado; depois de uma interrupção é enviado um, não um para cada envio perdido.",
	}
	scheduledSize = words{
		"It has at most {size}. Make sure that your server takes requests of this size.",
		"Tiene como máximo {size}. Asegúrese de que su servidor acepte solicitudes de ese tamaño.",
		"Tem no máximo {size}. Certifique-se de que o seu servidor aceita requisições desse tamanho.",
	}
)

// Setting it up.
var (
	setupAddress = words{
		"Prepare an address (URL) that receives webhooks: one of the programs below, or one that Zapier, Make or n8n gives you. It has to be public, without a login page or firewall before it, and should begin with `https://`.",
		"Prepare una dirección (URL) que reciba webhooks: la de uno de los programas de abajo, o la que le entregue Zapier, Make o n8n. Debe ser pública, sin página de inicio de sesión ni firewall delante, y conviene que empiece con `https://`.",
		"Prepare um endereço (URL) que receba webhooks: o de um dos programas abaixo, ou o que o Zapier, o Make ou o n8n fornecer. Ele precisa ser público, sem página de login nem firewall na frente, e convém que comece com `https://`.",
	}
	setupEnter = words{
		"Make a new webhook and fill in the form. The table below says what belongs into each field.",
		"Cree un webhook nuevo y complete el formulario. La tabla de abajo dice qué va en cada campo.",
		"Crie um webhook novo e preencha o formulário. A tabela abaixo diz o que vai em cada campo.",
	}
	setupCredential = words{
		"Make a new credential (key) and fill in the form. The webhook is made together with it.",
		"Cree una credencial (clave) nueva y complete el formulario. El webhook se crea junto con ella.",
		"Crie uma credencial (chave) nova e preencha o formulário. O webhook é criado junto com ela.",
	}
	setupTest = words{
		"Press the test button. It sends the example of this document to your address and says in plain words what came back.",
		"Presione el botón de prueba. Envía el ejemplo de este documento a su dirección y dice con palabras sencillas qué respondió.",
		"Clique no botão de teste. Ele envia o exemplo deste documento para o seu endereço e diz em palavras simples o que foi respondido.",
	}
	fieldName      = words{"Name", "Nombre", "Nome"}
	fieldNameAbout = words{"What you call it, for example CRM.", "Cómo lo llama usted, por ejemplo CRM.", "Como você o chama, por exemplo CRM."}
	fieldURLAbout  = words{
		"The address that receives the webhook, from the first step.",
		"La dirección que recibe el webhook, la del primer paso.",
		"O endereço que recebe o webhook, o do primeiro passo.",
	}
	fieldMethod      = words{"Method", "Método", "Método"}
	fieldMethodAbout = words{
		"One of {methods}. If you are not sure, leave {default}.",
		"Uno de {methods}. Si no está seguro, deje {default}.",
		"Um de {methods}. Se não tiver certeza, deixe {default}.",
	}
	fieldEvents   = words{"Events", "Eventos", "Eventos"}
	fieldOneEvent = words{
		"Exactly one of the events above. For another one, make another webhook.",
		"Exactamente uno de los eventos de arriba. Para otro evento, cree otro webhook.",
		"Exatamente um dos eventos acima. Para outro evento, crie outro webhook.",
	}
	fieldEventsAbout = words{
		"Which of the events above you want. Leave it empty for all of them.",
		"Cuáles de los eventos de arriba quiere. Déjelo vacío para recibirlos todos.",
		"Quais dos eventos acima você quer. Deixe vazio para receber todos.",
	}
	isSecret = words{
		"It is kept secret and not shown again.",
		"Se guarda en secreto y no se vuelve a mostrar.",
		"É guardado em segredo e não é mostrado de novo.",
	}
	onePerTenant = words{
		"There is one webhook per company.",
		"Hay un webhook por empresa.",
		"Há um webhook por empresa.",
	}
	somePerTenant = words{
		"A company can have up to {n} webhooks.",
		"Una empresa puede tener hasta {n} webhooks.",
		"Uma empresa pode ter até {n} webhooks.",
	}
	credentialGives = words{
		"You get an API key ({key} characters), a secret ({secret} characters) and a token that is good for {lifetime}. **The secret and the token are shown once:** keep them where only your program can read them. A new token can be made at any time. While the credential is paused its token is refused and nothing is sent; deleting it also deletes the webhook.",
		"Usted recibe una API key ({key} caracteres), un secret ({secret} caracteres) y un token que dura {lifetime}. **El secret y el token se muestran una sola vez:** guárdelos donde solo su programa pueda leerlos. Se puede crear un token nuevo en cualquier momento. Mientras la credencial está en pausa, su token se rechaza y no se envía nada; al eliminarla también se elimina el webhook.",
		"Você recebe uma API key ({key} caracteres), um secret ({secret} caracteres) e um token válido por {lifetime}. **O secret e o token são mostrados uma única vez:** guarde-os onde só o seu programa possa ler. Um token novo pode ser criado a qualquer momento. Enquanto a credencial está em pausa, o token é recusado e nada é enviado; ao excluí-la, o webhook também é excluído.",
	}
	setupAPI = words{
		"A program can do the same with `POST {path}`:",
		"Un programa puede hacer lo mismo con `POST {path}`:",
		"Um programa pode fazer o mesmo com `POST {path}`:",
	}
)

// Authentication.
var (
	authSignature = words{
		"Each request is signed as [Standard Webhooks](https://www.standardwebhooks.com) describes, with the secret of your webhook (it begins with `whsec_`). Three headers belong to it:",
		"Cada solicitud va firmada como describe [Standard Webhooks](https://www.standardwebhooks.com), con el secreto de su webhook (empieza con `whsec_`). Lleva tres encabezados:",
		"Cada requisição é assinada como descreve o [Standard Webhooks](https://www.standardwebhooks.com), com o segredo do seu webhook (começa com `whsec_`). São três cabeçalhos:",
	}
	authSignatureID = words{
		"`webhook-id`: what is sent; the same when it is sent again.",
		"`webhook-id`: qué se envía; es el mismo cuando se envía de nuevo.",
		"`webhook-id`: o que é enviado; é o mesmo quando é enviado de novo.",
	}
	authSignatureTime = words{
		"`webhook-timestamp`: when it was sent, in seconds since 1970 (UTC). Refuse what is more than five minutes off.",
		"`webhook-timestamp`: cuándo se envió, en segundos desde 1970 (UTC). Rechace lo que difiera más de cinco minutos.",
		"`webhook-timestamp`: quando foi enviado, em segundos desde 1970 (UTC). Recuse o que diferir mais de cinco minutos.",
	}
	authSignatureValue = words{
		"`webhook-signature`: one or more signatures, separated by spaces, each `v1,` and the Base64 of an HMAC-SHA256. One that fits is enough; there are two while a secret is being replaced.",
		"`webhook-signature`: una o más firmas separadas por espacios, cada una `v1,` y el Base64 de un HMAC-SHA256. Basta con que una coincida; hay dos mientras se reemplaza un secreto.",
		"`webhook-signature`: uma ou mais assinaturas separadas por espaços, cada uma `v1,` e o Base64 de um HMAC-SHA256. Basta uma coincidir; há duas enquanto um segredo é substituído.",
	}
	authSignatureCheck = words{
		"What is signed is `webhook-id`, `webhook-timestamp` and the body, joined by dots. The key is what follows `whsec_`, decoded from Base64. Sign the body exactly as it came, before anything reads it as JSON.",
		"Se firma `webhook-id`, `webhook-timestamp` y el cuerpo, unidos por puntos. La clave es lo que sigue a `whsec_`, decodificado de Base64. Use el cuerpo exactamente como llegó, antes de leerlo como JSON.",
		"Assina-se `webhook-id`, `webhook-timestamp` e o corpo, unidos por pontos. A chave é o que vem depois de `whsec_`, decodificado de Base64. Use o corpo exatamente como chegou, antes de lê-lo como JSON.",
	}
	authHeader = words{
		"The header {header} carries {value}: exactly the text that you entered when you set the webhook up. Compare it with your own; if it differs, answer 401 and do nothing else.",
		"El encabezado {header} lleva {value}: exactamente el texto que usted ingresó al configurar el webhook. Compárelo con el suyo; si difiere, responda 401 y no haga nada más.",
		"O cabeçalho {header} leva {value}: exatamente o texto que você informou ao configurar o webhook. Compare com o seu; se diferir, responda 401 e não faça mais nada.",
	}
	authOwnPair = words{
		"Nothing identifies the sender unless you ask for it: add a pair of key and value, for example the key {header} with a long random value. It then comes as a header with each request. Compare it with your own; if it differs, answer 401 and do nothing else.",
		"Nada identifica al remitente a menos que usted lo pida: agregue un par de llave y valor, por ejemplo la llave {header} con un valor largo y aleatorio. Llegará como encabezado en cada solicitud. Compárelo con el suyo; si difiere, responda 401 y no haga nada más.",
		"Nada identifica o remetente a menos que você peça: adicione um par de chave e valor, por exemplo a chave {header} com um valor longo e aleatório. Ele chegará como cabeçalho em cada requisição. Compare com o seu; se diferir, responda 401 e não faça mais nada.",
	}
	authBody = words{
		"The body carries the key of your credential in {member}. Compare it with your own; if it differs, answer 401 and do nothing else.",
		"El cuerpo lleva la clave de su credencial en {member}. Compárela con la suya; si difiere, responda 401 y no haga nada más.",
		"O corpo leva a chave da sua credencial em {member}. Compare com a sua; se diferir, responda 401 e não faça mais nada.",
	}
	authURL = words{
		"Put something secret into your own address, for example {url} with a long random text in the place of `your-secret`, and let your program compare it. Whoever does not know the whole address cannot send you anything.",
		"Ponga algo secreto en su propia dirección, por ejemplo {url} con un texto largo y aleatorio en lugar de `your-secret`, y haga que su programa lo compare. Quien no conozca la dirección completa no podrá enviarle nada.",
		"Coloque algo secreto no seu próprio endereço, por exemplo {url} com um texto longo e aleatório no lugar de `your-secret`, e faça o seu programa comparar. Quem não conhece o endereço completo não consegue enviar nada.",
	}
	authAlways = words{
		"Compare in constant time, as the programs below do, and never write the secret to a log. Use `https://`, so that nobody on the way can read it.",
		"Compare en tiempo constante, como hacen los programas de abajo, y nunca escriba el secreto en un registro. Use `https://` para que nadie en el camino pueda leerlo.",
		"Compare em tempo constante, como fazem os programas abaixo, e nunca escreva o segredo em um log. Use `https://` para que ninguém no caminho possa lê-lo.",
	}
)

// The request.
var (
	requestIntro = words{
		"This is what your server gets (the body is cut short here; the whole of it is the example below):",
		"Esto es lo que recibe su servidor (aquí el cuerpo está recortado; completo está en el ejemplo de abajo):",
		"É isto que o seu servidor recebe (aqui o corpo está cortado; completo está no exemplo abaixo):",
	}
	requestBytes = words{
		"The body of the example has {n} bytes, in UTF-8 without a line break at the end. Numbers, order and escapes are always as shown.",
		"El cuerpo del ejemplo tiene {n} bytes, en UTF-8 y sin salto de línea al final. Los números, el orden y los escapes son siempre como se muestran.",
		"O corpo do exemplo tem {n} bytes, em UTF-8 e sem quebra de linha no final. Números, ordem e escapes são sempre como mostrados.",
	}
	requestEscapes = words{
		"Texts are written with {escapes}. Every JSON library reads that as the plain character; do not search the raw text.",
		"Los textos se escriben con {escapes}. Cualquier biblioteca de JSON lo lee como el carácter normal; no busque en el texto sin interpretar.",
		"Os textos são escritos com {escapes}. Qualquer biblioteca de JSON lê isso como o caractere normal; não procure no texto sem interpretar.",
	}
	requestRedirects = words{
		"Redirects (301, 302, 307, 308) are not followed: enter the final address.",
		"No se siguen redirecciones (301, 302, 307, 308): ingrese la dirección final.",
		"Redirecionamentos (301, 302, 307, 308) não são seguidos: informe o endereço final.",
	}
	requestForm = words{
		"With {setting} the same JSON comes as an HTML form, in the field {field}:",
		"Con {setting} el mismo JSON llega como formulario HTML, en el campo {field}:",
		"Com {setting} o mesmo JSON chega como formulário HTML, no campo {field}:",
	}
	requestRedacted = words{
		"For safety, what stands at {paths} is replaced by `[redacted]` before anything is stored or sent.",
		"Por seguridad, lo que está en {paths} se reemplaza por `[redacted]` antes de guardar o enviar nada.",
		"Por segurança, o que está em {paths} é substituído por `[redacted]` antes de guardar ou enviar qualquer coisa.",
	}
)

// Fields.
var (
	exampleOf   = words{"Example of {event}, exactly as it is sent:", "Ejemplo de {event}, exactamente como se envía:", "Exemplo de {event}, exatamente como é enviado:"}
	exampleCase = words{"{title} ({event}), exactly as it is sent:", "{title} ({event}), exactamente como se envía:", "{title} ({event}), exatamente como é enviado:"}
	fieldsOpen  = words{
		"`[]` stands for each element of a list. New fields may be added at any time: ignore those that you do not know.",
		"`[]` representa cada elemento de una lista. Pueden agregarse campos nuevos en cualquier momento: ignore los que no conozca.",
		"`[]` representa cada elemento de uma lista. Campos novos podem ser adicionados a qualquer momento: ignore os que não conhecer.",
	}
)

// What to answer.
var (
	answerAny        = words{"Any status from 200 to 299 counts as received.", "Cualquier estado de 200 a 299 cuenta como recibido.", "Qualquer status de 200 a 299 conta como recebido."}
	answerStatus     = words{"Only the status {statuses} counts as received.", "Solo el estado {statuses} cuenta como recibido.", "Somente o status {statuses} conta como recebido."}
	answerBodyFree   = words{"The content of the answer does not matter; it may be empty.", "El contenido de la respuesta no importa; puede estar vacío.", "O conteúdo da resposta não importa; pode estar vazio."}
	answerBodyNoPage = words{
		"The content may be JSON, any text, or nothing, but not an HTML page (one that begins with `<!doctype html` or `<html`).",
		"El contenido puede ser JSON, cualquier texto, o nada, pero no una página HTML (una que empieza con `<!doctype html` o `<html`).",
		"O conteúdo pode ser JSON, qualquer texto, ou nada, mas não uma página HTML (uma que começa com `<!doctype html` ou `<html`).",
	}
	answerBodyRule = words{
		"The content of the answer matters; the exact rule is below.",
		"El contenido de la respuesta importa; la regla exacta está abajo.",
		"O conteúdo da resposta importa; a regra exata está abaixo.",
	}
	answerTotal = words{
		"The whole answer has to be there within {limit}, connecting included.",
		"La respuesta completa debe llegar en {limit} como máximo, incluida la conexión.",
		"A resposta completa deve chegar em no máximo {limit}, incluindo a conexão.",
	}
	answerFirstLine = words{
		"The answer has to begin within {limit} of the request being sent. Setting up the connection does not count, but may take {connect} at most.",
		"La respuesta debe comenzar en {limit} como máximo desde que se envía la solicitud. Establecer la conexión no cuenta, pero puede tardar {connect} como máximo.",
		"A resposta deve começar em no máximo {limit} desde o envio da requisição. Estabelecer a conexão não conta, mas pode levar {connect} no máximo.",
	}
	answerRule  = words{"The exact rule: {rule}.", "La regla exacta: {rule}.", "A regra exata: {rule}."}
	answerFirst = words{
		"Answer first, work afterwards: keep what came in a queue or file, answer at once, and do everything that takes time later.",
		"Primero responda y después trabaje: guarde lo recibido en una cola o un archivo, responda de inmediato y haga luego todo lo que tome tiempo.",
		"Primeiro responda, depois trabalhe: guarde o que chegou em uma fila ou arquivo, responda na hora e faça depois tudo o que leva tempo.",
	}
)

// Retries.
var (
	onceNever = words{
		"Each event is **sent once**. If you do not answer in time, or answer anything else, it counts as failed and is never sent again.",
		"Cada evento se **envía una sola vez**. Si no responde a tiempo, o responde otra cosa, cuenta como fallido y nunca se envía de nuevo.",
		"Cada evento é **enviado uma única vez**. Se você não responder a tempo, ou responder outra coisa, conta como falho e nunca é enviado de novo.",
	}
	onceUnknown = words{
		"If we are interrupted in the middle of sending, the history says `unknown`: it may or may not have arrived.",
		"Si sufrimos una interrupción en medio del envío, el historial dice `unknown`: pudo haber llegado o no.",
		"Se sofrermos uma interrupção no meio do envio, o histórico diz `unknown`: pode ter chegado ou não.",
	}
	onceLook = words{
		"The history shows each one with what was sent and what came back.",
		"El historial muestra cada envío, con lo enviado y lo respondido.",
		"O histórico mostra cada envio, com o que foi enviado e o que foi respondido.",
	}
	retryNone = words{
		"There is one attempt. What failed can be sent again from the history.",
		"Hay un solo intento. Lo que falló puede enviarse de nuevo desde el historial.",
		"Há uma única tentativa. O que falhou pode ser enviado de novo pelo histórico.",
	}
	retrySchedule = words{
		"Up to {n} attempts: the first at once, then after {waits}, each counted from the one before, give or take a little. That is about {total} in all.",
		"Hasta {n} intentos: el primero de inmediato, luego tras {waits}, cada espera contada desde el intento anterior, con una pequeña variación. En total, unos {total}.",
		"Até {n} tentativas: a primeira na hora, depois após {waits}, cada espera contada a partir da tentativa anterior, com uma pequena variação. No total, cerca de {total}.",
	}
	retryNewer = words{
		"Of what comes on a schedule, only the newest is kept: one that could not be delivered is dropped when the next one is made.",
		"De lo que se envía periódicamente solo se conserva lo más nuevo: un envío no entregado se descarta cuando se genera el siguiente.",
		"Do que é enviado periodicamente só o mais novo é mantido: um envio não entregue é descartado quando o próximo é gerado.",
	}
	retryAfter = words{
		"If your server is overloaded, answer 429 or 503 with the header `Retry-After`; the next attempt waits that long.",
		"Si su servidor está sobrecargado, responda 429 o 503 con el encabezado `Retry-After`; el siguiente intento esperará ese tiempo.",
		"Se o seu servidor estiver sobrecarregado, responda 429 ou 503 com o cabeçalho `Retry-After`; a próxima tentativa esperará esse tempo.",
	}
	retryGone = words{
		"The status 410 says that the address is gone for good, and switches the webhook off.",
		"El estado 410 dice que la dirección ya no existe, y desactiva el webhook.",
		"O status 410 diz que o endereço não existe mais, e desativa o webhook.",
	}
	retryEnd = words{
		"After the last attempt it counts as failed. It stays in the history, and can be sent again from there.",
		"Después del último intento cuenta como fallido. Queda en el historial y desde allí puede enviarse de nuevo.",
		"Depois da última tentativa conta como falho. Fica no histórico e de lá pode ser enviado de novo.",
	}
)

// Duplicates.
var (
	repeatsOnce = words{
		"Each event is sent at most once, so the same one does not come twice.",
		"Cada evento se envía como máximo una vez, así que el mismo no llega dos veces.",
		"Cada evento é enviado no máximo uma vez, então o mesmo não chega duas vezes.",
	}
	repeatsID = words{
		"The same event may come more than once, for example if your answer got lost. `webhook-id` then stays the same: remember those that you have dealt with, for a few days at least, and answer 200 to a repetition without doing the work again.",
		"El mismo evento puede llegar más de una vez, por ejemplo si su respuesta se perdió. Entonces `webhook-id` no cambia: recuerde los que ya atendió, al menos unos días, y responda 200 a una repetición sin hacer el trabajo de nuevo.",
		"O mesmo evento pode chegar mais de uma vez, por exemplo se a sua resposta se perdeu. Nesse caso `webhook-id` não muda: lembre-se dos que já tratou, por alguns dias pelo menos, e responda 200 a uma repetição sem fazer o trabalho de novo.",
	}
	repeatsBytes = words{
		"The same event may come more than once, for example if your answer got lost. A repetition has exactly the same bytes: remember a hash of the body (SHA-256) until the attempts are over, and answer as usual without doing the work again.",
		"El mismo evento puede llegar más de una vez, por ejemplo si su respuesta se perdió. Una repetición tiene exactamente los mismos bytes: recuerde un hash del cuerpo (SHA-256) mientras duren los intentos, y responda como siempre sin hacer el trabajo de nuevo.",
		"O mesmo evento pode chegar mais de uma vez, por exemplo se a sua resposta se perdeu. Uma repetição tem exatamente os mesmos bytes: lembre-se de um hash do corpo (SHA-256) enquanto durarem as tentativas, e responda como sempre sem fazer o trabalho de novo.",
	}
	repeatsKey = words{
		"{key} says which one an event is about. It is safe to save by it: overwrite what you have.",
		"{key} dice de cuál se trata. Guarde por ese valor: sobrescriba lo que tenga.",
		"{key} diz de qual se trata. Grave por esse valor: sobrescreva o que tiver.",
	}
	repeatsSnapshot = words{
		"What comes on a schedule is always complete: overwriting your own copy with it can never be wrong, even if it comes twice.",
		"Lo que se envía periódicamente siempre está completo: sobrescribir su copia nunca es un error, aunque llegue dos veces.",
		"O que é enviado periodicamente está sempre completo: sobrescrever a sua cópia nunca é um erro, mesmo que chegue duas vezes.",
	}
)

// The look-up.
var (
	lookupToken = words{
		"The token is that of your credential. It is good for {lifetime}; make a new one before it ends.",
		"El token es el de su credencial. Dura {lifetime}; cree uno nuevo antes de que venza.",
		"O token é o da sua credencial. Vale por {lifetime}; crie um novo antes que expire.",
	}
	lookupRefused = words{
		"401: the token is missing, wrong or expired, or the credential is paused.",
		"401: falta el token, es incorrecto o venció, o la credencial está en pausa.",
		"401: o token está ausente, incorreto ou expirado, ou a credencial está em pausa.",
	}
	lookupNone = words{
		"404: there is nothing with that ID, or it is not yours.",
		"404: no existe nada con ese ID, o no es suyo.",
		"404: não existe nada com esse ID, ou não é seu.",
	}
)

// Receivers.
var (
	receiverIntro = words{
		"Each of these is complete and needs nothing but the language itself. Put the secret into the environment variable `WEBHOOK_SECRET`, never into the file. They listen on port {port} (variable `PORT`); put a web server with `https://` before them, and your own work into `handle`.",
		"Cada uno está completo y no necesita nada más que el lenguaje. Ponga el secreto en la variable de entorno `WEBHOOK_SECRET`, nunca en el archivo. Escuchan en el puerto {port} (variable `PORT`); ponga delante un servidor web con `https://`, y su propio trabajo en `handle`.",
		"Cada um está completo e não precisa de nada além da linguagem. Coloque o segredo na variável de ambiente `WEBHOOK_SECRET`, nunca no arquivo. Eles escutam na porta {port} (variável `PORT`); coloque um servidor web com `https://` na frente, e o seu próprio trabalho em `handle`.",
	}
	receiverRun = words{
		"Save it as {file} and start it with {command}.",
		"Guárdelo como {file} e inícielo con {command}.",
		"Salve como {file} e inicie com {command}.",
	}
	// What comments in them say. A comment is one line.
	commentSecret = words{
		"Known to you and the sender only; keep it out of this file.",
		"Solo lo conocen usted y el remitente; no lo escriba en este archivo.",
		"Só você e o remetente o conhecem; não o escreva neste arquivo.",
	}
	commentEqual = words{
		"Compares in constant time, so that nobody can guess letter by letter.",
		"Compara en tiempo constante, para que nadie pueda adivinar letra por letra.",
		"Compara em tempo constante, para que ninguém possa adivinhar letra por letra.",
	}
	commentGenuine = words{
		"Whether the request really comes from the sender.",
		"Si la solicitud realmente viene del remitente.",
		"Se a requisição vem mesmo do remetente.",
	}
	commentAnswer = words{
		"Answer at once; the work comes afterwards.",
		"Responda de inmediato; el trabajo viene después.",
		"Responda na hora; o trabalho vem depois.",
	}
	commentProcess = words{
		"Your own work. It may take its time.",
		"Su propio trabajo. Puede tomarse su tiempo.",
		"O seu próprio trabalho. Pode levar o tempo que precisar.",
	}
	commentForm = words{
		"The JSON may come in a field of a form.",
		"El JSON puede venir en un campo de un formulario.",
		"O JSON pode vir em um campo de um formulário.",
	}
	commentSignature = words{
		"One of the signatures has to fit, and the time has to be near.",
		"Una de las firmas debe coincidir y la hora debe ser cercana.",
		"Uma das assinaturas deve coincidir e a hora deve ser próxima.",
	}
)

// Zapier, Make, n8n.
var (
	noCodeIntro = words{
		"These tools give you an address and turn what arrives there into steps that you put together with the mouse. All three answer with the status 200 by themselves.",
		"Estas herramientas le dan una dirección y convierten lo que llega en pasos que usted arma con el mouse. Las tres responden por sí solas con el estado 200.",
		"Essas ferramentas dão a você um endereço e transformam o que chega em passos que você monta com o mouse. As três respondem sozinhas com o status 200.",
	}
	noCodeHurry = words{
		"You have {limit} to answer. A tool on another continent may need longer than that, and then the event counts as failed although it arrived. If you see this in the history, let one of the programs above receive, and pass it on to the tool.",
		"Usted tiene {limit} para responder. Una herramienta en otro continente puede tardar más, y entonces el evento cuenta como fallido aunque haya llegado. Si lo ve en el historial, reciba con uno de los programas de arriba y reenvíe a la herramienta.",
		"Você tem {limit} para responder. Uma ferramenta em outro continente pode demorar mais, e então o evento conta como falho embora tenha chegado. Se vir isso no histórico, receba com um dos programas acima e repasse para a ferramenta.",
	}
	noCodePaste = words{
		"Copy the address it shows, enter it as the URL of the webhook (see above), and save.",
		"Copie la dirección que muestra, ingrésela como URL del webhook (vea arriba) y guarde.",
		"Copie o endereço que ela mostra, informe-o como URL do webhook (veja acima) e salve.",
	}
	noCodeURL = words{
		"The address is the only secret there is: do not publish it, and if it gets known, make a new one.",
		"La dirección es el único secreto que hay: no la publique y, si llega a conocerse, cree una nueva.",
		"O endereço é o único segredo que existe: não o publique e, se ficar conhecido, crie um novo.",
	}
	noCodeSignature = words{
		"The signature cannot be checked with the mouse alone. Keep the address secret; if money depends on it, use one of the programs above.",
		"La firma no se puede verificar solo con el mouse. Mantenga la dirección en secreto; si hay dinero de por medio, use uno de los programas de arriba.",
		"A assinatura não pode ser verificada só com o mouse. Mantenha o endereço em segredo; se houver dinheiro envolvido, use um dos programas acima.",
	}
	noCodeForm = words{
		"With {setting} all three show one field {field} that holds the JSON as a text. Leave the setting as it is, then they show the fields themselves.",
		"Con {setting} las tres muestran un solo campo {field} que contiene el JSON como texto. Deje ese ajuste como está; así muestran los campos mismos.",
		"Com {setting} as três mostram um só campo {field} que contém o JSON como texto. Deixe essa opção como está; assim elas mostram os próprios campos.",
	}

	zapierNew = words{
		"Click **Create → Zaps** and choose **Webhooks by Zapier** as the trigger. It belongs to Zapier's paid plans.",
		"Haga clic en **Create → Zaps** y elija **Webhooks by Zapier** como disparador. Forma parte de los planes de pago de Zapier.",
		"Clique em **Create → Zaps** e escolha **Webhooks by Zapier** como gatilho. Faz parte dos planos pagos do Zapier.",
	}
	zapierCatch = words{
		"As the event choose **Catch Hook** and continue.",
		"Como evento elija **Catch Hook** y continúe.",
		"Como evento escolha **Catch Hook** e continue.",
	}
	zapierCatchRaw = words{
		"As the event choose **Catch Hook**. If you want to check the headers, choose **Catch Raw Hook** instead: it shows them, but gives the body as one text.",
		"Como evento elija **Catch Hook**. Si quiere verificar los encabezados, elija **Catch Raw Hook**: los muestra, pero entrega el cuerpo como un solo texto.",
		"Como evento escolha **Catch Hook**. Se quiser verificar os cabeçalhos, escolha **Catch Raw Hook**: ele os mostra, mas entrega o corpo como um só texto.",
	}
	zapierTest = words{
		"Press the test button of the webhook, then **Test trigger** in Zapier, and pick the request that came.",
		"Presione el botón de prueba del webhook, luego **Test trigger** en Zapier, y elija la solicitud que llegó.",
		"Clique no botão de teste do webhook, depois em **Test trigger** no Zapier, e escolha a requisição que chegou.",
	}
	zapierHeader = words{
		"With Catch Raw Hook, add **Filter by Zapier** and continue only if the header {header} **(Text) Exactly matches** {value}. Otherwise keep the address secret.",
		"Con Catch Raw Hook, agregue **Filter by Zapier** y continúe solo si el encabezado {header} **(Text) Exactly matches** {value}. Si no, mantenga la dirección en secreto.",
		"Com Catch Raw Hook, adicione **Filter by Zapier** e continue somente se o cabeçalho {header} **(Text) Exactly matches** {value}. Caso contrário, mantenha o endereço em segredo.",
	}
	zapierBody = words{
		"Add **Filter by Zapier** and continue only if {member} **(Text) Exactly matches** your own key.",
		"Agregue **Filter by Zapier** y continúe solo si {member} **(Text) Exactly matches** su propia clave.",
		"Adicione **Filter by Zapier** e continue somente se {member} **(Text) Exactly matches** a sua própria chave.",
	}
	zapierLookup = words{
		"To read more, add **Webhooks by Zapier → GET** with the address of the look-up above and the header `Authorization` = `Bearer` and your token.",
		"Para consultar más datos, agregue **Webhooks by Zapier → GET** con la dirección de consulta de arriba y el encabezado `Authorization` = `Bearer` y su token.",
		"Para consultar mais dados, adicione **Webhooks by Zapier → GET** com o endereço de consulta acima e o cabeçalho `Authorization` = `Bearer` e o seu token.",
	}
	zapierGo = words{
		"Add what is to happen, for example a new row in Google Sheets, map the fields, and click **Publish**.",
		"Agregue lo que debe ocurrir, por ejemplo una fila nueva en Google Sheets, asigne los campos y haga clic en **Publish**.",
		"Adicione o que deve acontecer, por exemplo uma linha nova no Google Sheets, associe os campos e clique em **Publish**.",
	}

	makeNew = words{
		"Create a scenario, add **Webhooks → Custom webhook**, click **Add** (or **Create a webhook**) and give it a name.",
		"Cree un escenario, agregue **Webhooks → Custom webhook**, haga clic en **Add** (o **Create a webhook**) y póngale un nombre.",
		"Crie um cenário, adicione **Webhooks → Custom webhook**, clique em **Add** (ou **Create a webhook**) e dê um nome.",
	}
	makeTest = words{
		"While Make waits for data (**Redetermine data structure**), press the test button of the webhook. Make then knows the fields.",
		"Mientras Make espera datos (**Redetermine data structure**), presione el botón de prueba del webhook. Así Make conoce los campos.",
		"Enquanto o Make espera dados (**Redetermine data structure**), clique no botão de teste do webhook. Assim o Make conhece os campos.",
	}
	makeHeader = words{
		"In the settings of the webhook switch on **Get request headers**. After the module set a filter that lets through only requests whose header {header} is equal to {value}.",
		"En los ajustes del webhook active **Get request headers**. Después del módulo ponga un filtro que deje pasar solo las solicitudes cuyo encabezado {header} sea igual a {value}.",
		"Nas configurações do webhook ative **Get request headers**. Depois do módulo coloque um filtro que deixe passar só as requisições cujo cabeçalho {header} seja igual a {value}.",
	}
	makeBody = words{
		"After the module set a filter that lets through only what has your own key in {member}.",
		"Después del módulo ponga un filtro que deje pasar solo lo que tenga su propia clave en {member}.",
		"Depois do módulo coloque um filtro que deixe passar só o que tiver a sua própria chave em {member}.",
	}
	makeLookup = words{
		"To read more, add **HTTP → Make a request** with the address of the look-up above and the header `Authorization` = `Bearer` and your token.",
		"Para consultar más datos, agregue **HTTP → Make a request** con la dirección de consulta de arriba y el encabezado `Authorization` = `Bearer` y su token.",
		"Para consultar mais dados, adicione **HTTP → Make a request** com o endereço de consulta acima e o cabeçalho `Authorization` = `Bearer` e o seu token.",
	}
	makeGo = words{
		"Add what is to happen, save, and switch the scenario on with **Immediately as data arrives**.",
		"Agregue lo que debe ocurrir, guarde y active el escenario con **Immediately as data arrives**.",
		"Adicione o que deve acontecer, salve e ative o cenário com **Immediately as data arrives**.",
	}

	n8nNew = words{
		"Create a workflow with the node **Webhook** and choose the HTTP method {method}.",
		"Cree un workflow con el nodo **Webhook** y elija el método HTTP {method}.",
		"Crie um workflow com o nó **Webhook** e escolha o método HTTP {method}.",
	}
	n8nHeader = words{
		"Under **Authentication** choose **Header Auth** and make a credential with the name {header} and the value {value}. n8n then refuses everything else.",
		"En **Authentication** elija **Header Auth** y cree una credencial con el nombre {header} y el valor {value}. Así n8n rechaza todo lo demás.",
		"Em **Authentication** escolha **Header Auth** e crie uma credencial com o nome {header} e o valor {value}. Assim o n8n recusa todo o resto.",
	}
	n8nBody = words{
		"After it put the node **IF** (or **Filter**) that goes on only if {member} of the body is your own key.",
		"Después ponga el nodo **IF** (o **Filter**) que continúe solo si {member} del cuerpo es su propia clave.",
		"Depois coloque o nó **IF** (ou **Filter**) que continue somente se {member} do corpo for a sua própria chave.",
	}
	n8nSignature = words{
		"Keep the address secret, or check the signature in a **Code** node: switch on the option **Raw Body** and do what the Node program above does.",
		"Mantenga la dirección en secreto, o verifique la firma en un nodo **Code**: active la opción **Raw Body** y haga lo que hace el programa de Node de arriba.",
		"Mantenha o endereço em segredo, ou verifique a assinatura em um nó **Code**: ative a opção **Raw Body** e faça o que faz o programa de Node acima.",
	}
	n8nAnswer = words{
		"Leave **Respond** at **Immediately**, so that the answer does not wait for your steps.",
		"Deje **Respond** en **Immediately**, para que la respuesta no espere a sus pasos.",
		"Deixe **Respond** em **Immediately**, para que a resposta não espere pelos seus passos.",
	}
	n8nTest = words{
		"For trying, click **Listen for test event**, enter the **Test URL** as the URL of the webhook, and press the test button.",
		"Para probar, haga clic en **Listen for test event**, ingrese la **Test URL** como URL del webhook y presione el botón de prueba.",
		"Para testar, clique em **Listen for test event**, informe a **Test URL** como URL do webhook e clique no botão de teste.",
	}
	n8nURL = words{
		"Then enter the **Production URL**: the test address works only while n8n is listening.",
		"Luego ingrese la **Production URL**: la dirección de prueba funciona solo mientras n8n está escuchando.",
		"Depois informe a **Production URL**: o endereço de teste só funciona enquanto o n8n está escutando.",
	}
	n8nLookup = words{
		"To read more, add the node **HTTP Request** with the address of the look-up above and, as **Header Auth**, `Authorization` = `Bearer` and your token.",
		"Para consultar más datos, agregue el nodo **HTTP Request** con la dirección de consulta de arriba y, como **Header Auth**, `Authorization` = `Bearer` y su token.",
		"Para consultar mais dados, adicione o nó **HTTP Request** com o endereço de consulta acima e, como **Header Auth**, `Authorization` = `Bearer` e o seu token.",
	}
	n8nGo = words{
		"Add what is to happen and switch the workflow on (**Active**, or **Publish** in newer versions).",
		"Agregue lo que debe ocurrir y active el workflow (**Active**, o **Publish** en versiones nuevas).",
		"Adicione o que deve acontecer e ative o workflow (**Active**, ou **Publish** em versões novas).",
	}
)

// Troubleshooting.
var troubleIntro = words{
	"Press the test button first: it sends the example and says which of these it is. The history says the same of every attempt.",
	"Primero presione el botón de prueba: envía el ejemplo y dice cuál de estos casos es. El historial dice lo mismo de cada intento.",
	"Primeiro clique no botão de teste: ele envia o exemplo e diz qual destes casos é. O histórico diz o mesmo de cada tentativa.",
}

// The document for tools.
var responseOther = words{
	"Anything else counts as not received, and is sent again later.",
	"Cualquier otra respuesta cuenta como no recibida, y se envía de nuevo más tarde.",
	"Qualquer outra resposta conta como não recebida, e é enviada de novo mais tarde.",
}
