package diagnose

// text is what a person reads in one language. {host}, {name}, {status},
// {location}, {limit} and {connect} stand for facts, see [fill].
type text struct{ title, advice string }

type entry struct {
	level      Level
	en, es, pt text
}

func (e entry) in(language string) text {
	switch language {
	case "es":
		return e.es
	case "pt":
		return e.pt
	}
	return e.en
}

// words are a phrase in each language.
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

// placeholders are the facts that texts may name, and what is written where one
// is not known.
var placeholders = map[string]words{
	"host":     {"this server", "este servidor", "este servidor"},
	"name":     {"this server", "este servidor", "este servidor"}, // the host without its port
	"status":   {"an unknown code", "un código desconocido", "um código desconhecido"},
	"location": {"another address", "otra dirección", "outro endereço"},
	"limit":    {"the time allowed", "el tiempo permitido", "o tempo permitido"},
	"connect":  {"the time allowed", "el tiempo permitido", "o tempo permitido"},
}

// texts are all diagnoses by their code. They speak to somebody who does not
// program: what happened, what to do, and what to ask whom.
var texts = map[string]entry{
	codeSuccess: {
		OK,
		text{"It works", "{host} received the message and answered as expected[[ (code {status})]]. There is nothing to do."},
		text{"Todo funciona", "{host} recibió el mensaje y respondió como se espera[[ (código {status})]]. No tiene que hacer nada."},
		text{"Tudo funciona", "{host} recebeu a mensagem e respondeu como esperado[[ (código {status})]]. Você não precisa fazer nada."},
	},
	codeSuccessHTML: {
		Warning,
		text{
			"Accepted, but the answer is a web page",
			"{host} said that all is well, but with a page meant for people, such as a home page. Programs that receive webhooks rarely do that, so the message may have been ignored. Look whether it arrived in your system. If it did not, ask your developer, or the support of the tool you use, for the exact address that receives webhooks, and enter that one.",
		},
		text{
			"Aceptado, pero la respuesta es una página web",
			"{host} dijo que todo está bien, pero con una página para personas, como una página de inicio. Los programas que reciben webhooks casi nunca hacen eso, así que es posible que el mensaje se haya ignorado. Revise si llegó a su sistema. Si no llegó, pida a su desarrollador, o al soporte de la herramienta que usa, la dirección exacta que recibe webhooks e ingrésela.",
		},
		text{
			"Aceito, mas a resposta é uma página da web",
			"{host} disse que está tudo certo, mas com uma página para pessoas, como uma página inicial. Programas que recebem webhooks quase nunca fazem isso, então a mensagem pode ter sido ignorada. Verifique se ela chegou ao seu sistema. Se não chegou, peça ao seu desenvolvedor, ou ao suporte da ferramenta que você usa, o endereço exato que recebe webhooks e informe esse endereço.",
		},
	},
	"name_not_found": {
		Error,
		text{
			"The name[[ {name}]] does not exist",
			"The address you entered contains a name that cannot be found on the Internet. Check it letter by letter. If it is right, ask whoever manages your domain whether the name is set up (its DNS record) and whether the domain has expired.",
		},
		text{
			"El nombre[[ {name}]] no existe",
			"La dirección que ingresó contiene un nombre que no se encuentra en Internet. Revísela letra por letra. Si está bien escrita, pregunte a quien administra su dominio si el nombre está configurado (su registro DNS) y si el dominio no ha vencido.",
		},
		text{
			"O nome[[ {name}]] não existe",
			"O endereço que você informou contém um nome que não é encontrado na Internet. Confira letra por letra. Se estiver certo, pergunte a quem administra o seu domínio se o nome está configurado (o registro DNS) e se o domínio não expirou.",
		},
	},
	"name_lookup_failed": {
		Error,
		text{
			"The name[[ {name}]] could not be looked up",
			"The directory that turns names into computers on the Internet (DNS) gave no answer for this name. Try again in a few minutes. If it stays like this, ask whoever manages your domain to check its name servers.",
		},
		text{
			"No se pudo consultar el nombre[[ {name}]]",
			"El directorio que convierte los nombres en computadoras de Internet (DNS) no respondió para este nombre. Vuelva a intentarlo en unos minutos. Si sigue igual, pida a quien administra su dominio que revise sus servidores de nombres.",
		},
		text{
			"Não foi possível consultar o nome[[ {name}]]",
			"O diretório que transforma nomes em computadores da Internet (DNS) não respondeu para este nome. Tente de novo em alguns minutos. Se continuar assim, peça a quem administra o seu domínio que verifique os servidores de nomes.",
		},
	},
	"private_network": {
		Error,
		text{
			"The address is inside a private network",
			"{host} is an address of a home or office network, or of a single computer (such as localhost). It cannot be reached from outside, so nothing was sent. Ask your developer for the public address: one that also opens on a phone that is not on your Wi-Fi.",
		},
		text{
			"La dirección está dentro de una red privada",
			"{host} es una dirección de una red de casa u oficina, o de una sola computadora (como localhost). No se puede llegar a ella desde fuera, así que no se envió nada. Pida a su desarrollador la dirección pública: una que también abra en un teléfono que no esté en su Wi-Fi.",
		},
		text{
			"O endereço está dentro de uma rede privada",
			"{host} é um endereço de uma rede de casa ou do escritório, ou de um único computador (como localhost). Não é possível chegar a ele de fora, então nada foi enviado. Peça ao seu desenvolvedor o endereço público: um que também abra em um celular fora do seu Wi-Fi.",
		},
	},
	"connection_refused": {
		Error,
		text{
			"Nobody receives at {host}",
			"The computer is there, but it turned the connection away: the program that should receive the messages is not running, or the number after the colon in the address (the port) is wrong. Ask your developer, or whoever runs the server, to start the program and to confirm the address.",
		},
		text{
			"Nadie recibe en {host}",
			"La computadora está ahí, pero rechazó la conexión: el programa que debería recibir los mensajes no está funcionando, o el número después de los dos puntos en la dirección (el puerto) no es correcto. Pida a su desarrollador, o a quien administra el servidor, que inicie el programa y confirme la dirección.",
		},
		text{
			"Ninguém recebe em {host}",
			"O computador está lá, mas recusou a conexão: o programa que deveria receber as mensagens não está em execução, ou o número depois dos dois-pontos no endereço (a porta) está errado. Peça ao seu desenvolvedor, ou a quem administra o servidor, que inicie o programa e confirme o endereço.",
		},
	},
	"connection_timeout": {
		Error,
		text{
			"{host} does not respond[[ (we waited {connect})]]",
			"We knocked, and nobody opened or refused. Most often the server is switched off, or a firewall does not let us in. Ask whoever runs the server whether it is on, and whether its firewall allows connections from the Internet to this address.",
		},
		text{
			"{host} no responde[[ (esperamos {connect})]]",
			"Llamamos a la puerta y nadie abrió ni rechazó. Lo más común es que el servidor esté apagado o que un cortafuegos (firewall) no nos deje pasar. Pregunte a quien administra el servidor si está encendido y si su firewall permite conexiones desde Internet a esta dirección.",
		},
		text{
			"{host} não responde[[ (esperamos {connect})]]",
			"Batemos à porta e ninguém abriu nem recusou. O mais comum é o servidor estar desligado ou um firewall não nos deixar entrar. Pergunte a quem administra o servidor se ele está ligado e se o firewall permite conexões da Internet para este endereço.",
		},
	},
	"connection_failed": {
		Error,
		text{
			"{host} cannot be reached",
			"There is no way through the Internet to this server at the moment. Try again in a few minutes. If it stays like this, ask whoever runs the server, or your hosting company, whether it is connected.",
		},
		text{
			"No se puede llegar a {host}",
			"En este momento no hay camino por Internet hasta este servidor. Vuelva a intentarlo en unos minutos. Si sigue igual, pregunte a quien administra el servidor, o a su empresa de hosting, si está conectado.",
		},
		text{
			"Não é possível chegar a {host}",
			"No momento não há caminho pela Internet até este servidor. Tente de novo em alguns minutos. Se continuar assim, pergunte a quem administra o servidor, ou à sua empresa de hospedagem, se ele está conectado.",
		},
	},
	"certificate_expired": {
		Error,
		text{
			"The security certificate of {name} is out of date",
			"The certificate that proves the identity of a server is only valid for a while, and the one of {name} is not valid today. Nothing was sent. Ask whoever runs the server, or your hosting company, to renew it.",
		},
		text{
			"El certificado de seguridad de {name} no está vigente",
			"El certificado que demuestra la identidad de un servidor solo vale por un tiempo, y el de {name} no es válido hoy. No se envió nada. Pida a quien administra el servidor, o a su empresa de hosting, que lo renueve.",
		},
		text{
			"O certificado de segurança de {name} está fora da validade",
			"O certificado que comprova a identidade de um servidor vale só por um tempo, e o de {name} não é válido hoje. Nada foi enviado. Peça a quem administra o servidor, ou à sua empresa de hospedagem, que o renove.",
		},
	},
	"certificate_wrong_name": {
		Error,
		text{
			"The security certificate is not for {name}",
			"The server showed a certificate that was issued for another name, so we cannot be sure that it is the right one. Nothing was sent. Check whether the address is written as your provider gives it, with or without www. If it is, ask whoever runs the server to install a certificate for {name}.",
		},
		text{
			"El certificado de seguridad no es de {name}",
			"El servidor mostró un certificado emitido para otro nombre, así que no podemos estar seguros de que sea el correcto. No se envió nada. Revise si la dirección está escrita como la da su proveedor, con o sin www. Si lo está, pida a quien administra el servidor que instale un certificado para {name}.",
		},
		text{
			"O certificado de segurança não é de {name}",
			"O servidor mostrou um certificado emitido para outro nome, então não podemos ter certeza de que é o servidor certo. Nada foi enviado. Confira se o endereço está escrito como o seu provedor informa, com ou sem www. Se estiver, peça a quem administra o servidor que instale um certificado para {name}.",
		},
	},
	"certificate_untrusted": {
		Error,
		text{
			"The security certificate of {name} is not from a known issuer",
			"The server made its certificate itself, or does not send all parts of it, so nobody vouches for its identity. Nothing was sent. Ask whoever runs the server to install a certificate of a recognized authority (Let's Encrypt gives them for free), together with its intermediate certificates.",
		},
		text{
			"El certificado de seguridad de {name} no es de un emisor reconocido",
			"El servidor creó su propio certificado (autofirmado) o no envía todas sus partes, así que nadie responde por su identidad. No se envió nada. Pida a quien administra el servidor que instale un certificado de una autoridad reconocida (Let's Encrypt los da gratis), junto con sus certificados intermedios.",
		},
		text{
			"O certificado de segurança de {name} não é de um emissor reconhecido",
			"O servidor criou o próprio certificado (autoassinado) ou não envia todas as partes dele, então ninguém responde por sua identidade. Nada foi enviado. Peça a quem administra o servidor que instale um certificado de uma autoridade reconhecida (a Let's Encrypt oferece de graça), junto com os certificados intermediários.",
		},
	},
	"certificate_invalid": {
		Error,
		text{
			"The security certificate of {name} cannot be used",
			"The server showed a certificate that is not valid for this purpose. Nothing was sent. Ask whoever runs the server to check its certificate with a public test such as SSL Labs, and to correct what the test finds.",
		},
		text{
			"El certificado de seguridad de {name} no se puede usar",
			"El servidor mostró un certificado que no es válido para este fin. No se envió nada. Pida a quien administra el servidor que revise su certificado con una prueba pública como SSL Labs y corrija lo que la prueba encuentre.",
		},
		text{
			"O certificado de segurança de {name} não pode ser usado",
			"O servidor mostrou um certificado que não é válido para este fim. Nada foi enviado. Peça a quem administra o servidor que verifique o certificado com um teste público como o SSL Labs e corrija o que o teste encontrar.",
		},
	},
	"secure_connection_failed": {
		Error,
		text{
			"No secure connection to {host}",
			"The server and we could not agree on a secure connection. Perhaps the address should begin with http:// instead of https://, the port is wrong, or the server only knows old methods. Ask whoever runs the server which address is right, and whether it supports TLS 1.2 or later.",
		},
		text{
			"No hay conexión segura con {host}",
			"El servidor y nosotros no logramos acordar una conexión segura. Quizá la dirección debe empezar con http:// en lugar de https://, el puerto no es correcto o el servidor solo conoce métodos antiguos. Pregunte a quien administra el servidor cuál es la dirección correcta y si admite TLS 1.2 o posterior.",
		},
		text{
			"Sem conexão segura com {host}",
			"O servidor e nós não conseguimos combinar uma conexão segura. Talvez o endereço deva começar com http:// em vez de https://, a porta esteja errada ou o servidor só conheça métodos antigos. Pergunte a quem administra o servidor qual é o endereço certo e se ele aceita TLS 1.2 ou mais recente.",
		},
	},
	"no_answer_in_time": {
		Error,
		text{
			"No answer in time[[ (limit: {limit})]]",
			"The message was sent to {host}, but no complete answer came in time. It may have been received all the same. Ask your developer to answer at once and to do the work afterwards[[; the whole answer has to arrive within {limit}]]. In a no-code tool, choose the option that responds immediately.",
		},
		text{
			"No hubo respuesta a tiempo[[ (límite: {limit})]]",
			"El mensaje se envió a {host}, pero no llegó una respuesta completa a tiempo. Aun así, es posible que lo haya recibido. Pida a su desarrollador que responda de inmediato y haga el trabajo después[[; la respuesta completa tiene un límite de {limit}]]. En una herramienta sin código, elija la opción de responder inmediatamente.",
		},
		text{
			"Sem resposta a tempo[[ (limite: {limit})]]",
			"A mensagem foi enviada a {host}, mas não chegou uma resposta completa a tempo. Mesmo assim, ela pode ter sido recebida. Peça ao seu desenvolvedor que responda na hora e faça o trabalho depois[[; a resposta completa tem um limite de {limit}]]. Em uma ferramenta sem código, escolha a opção de responder imediatamente.",
		},
	},
	"answer_too_late": {
		Error,
		text{
			"The right answer, but too late[[ (limit: {limit})]]",
			"{host} answered well, but took too long, and late answers do not count. Ask your developer to answer at once and to do the work afterwards.",
		},
		text{
			"La respuesta es correcta, pero llegó tarde[[ (límite: {limit})]]",
			"{host} respondió bien, pero tardó demasiado, y las respuestas tardías no cuentan. Pida a su desarrollador que responda de inmediato y haga el trabajo después.",
		},
		text{
			"A resposta está certa, mas chegou tarde[[ (limite: {limit})]]",
			"{host} respondeu bem, mas demorou demais, e respostas atrasadas não contam. Peça ao seu desenvolvedor que responda na hora e faça o trabalho depois.",
		},
	},
	"connection_broken": {
		Error,
		text{
			"{host} hung up without a complete answer",
			"The connection was made, but the server ended it before it had answered. Usually the receiving program crashed, or a firewall between us cut the line. Ask your developer to look at the log of the server at the time of this attempt.",
		},
		text{
			"{host} colgó sin responder por completo",
			"La conexión se estableció, pero el servidor la cortó antes de terminar de responder. Por lo general, el programa que recibe falló o un cortafuegos (firewall) cortó la línea. Pida a su desarrollador que revise el registro (log) del servidor a la hora de este intento.",
		},
		text{
			"{host} desligou sem responder por completo",
			"A conexão foi feita, mas o servidor a encerrou antes de terminar de responder. Em geral, o programa que recebe falhou ou um firewall no caminho cortou a linha. Peça ao seu desenvolvedor que veja o registro (log) do servidor no horário desta tentativa.",
		},
	},
	"not_a_web_server": {
		Error,
		text{
			"{host} does not answer like a web server",
			"Something is listening at this address, but it does not speak the language of the web (HTTP). The number after the colon (the port) may be that of another program, or the address should begin with https:// instead of http://. Ask your developer to confirm the full address.",
		},
		text{
			"{host} no responde como un servidor web",
			"Algo escucha en esta dirección, pero no habla el idioma de la web (HTTP). El número después de los dos puntos (el puerto) puede ser el de otro programa, o la dirección debe empezar con https:// en lugar de http://. Pida a su desarrollador que confirme la dirección completa.",
		},
		text{
			"{host} não responde como um servidor web",
			"Algo escuta neste endereço, mas não fala a língua da web (HTTP). O número depois dos dois-pontos (a porta) pode ser o de outro programa, ou o endereço deve começar com https:// em vez de http://. Peça ao seu desenvolvedor que confirme o endereço completo.",
		},
	},
	"answer_too_large": {
		Error,
		text{
			"The answer of {host} is far too large",
			"The server sent so much information before its real answer (in its headers) that we stopped reading. Ask your developer to answer with little more than OK.",
		},
		text{
			"La respuesta de {host} es demasiado grande",
			"El servidor envió tanta información antes de su respuesta real (en sus encabezados) que dejamos de leer. Pida a su desarrollador que responda con poco más que un OK.",
		},
		text{
			"A resposta de {host} é grande demais",
			"O servidor enviou tanta informação antes da resposta em si (nos cabeçalhos) que paramos de ler. Peça ao seu desenvolvedor que responda com pouco mais que um OK.",
		},
	},
	codeRedirectLogin: {
		Error,
		text{
			"The address asks to log in",
			"{host} sent us on to a login page[[ ({location})]]. That is what happens with addresses meant for people, which only open after logging in. Ask your developer, or the support of the tool you use, for the address that receives webhooks without a login, or to make this one public.",
		},
		text{
			"La dirección pide iniciar sesión",
			"{host} nos envió a una página de inicio de sesión[[ ({location})]]. Eso pasa con direcciones para personas, que solo abren después de iniciar sesión. Pida a su desarrollador, o al soporte de la herramienta que usa, la dirección que recibe webhooks sin iniciar sesión, o que haga pública esta.",
		},
		text{
			"O endereço pede login",
			"{host} nos encaminhou para uma página de login[[ ({location})]]. Isso acontece com endereços para pessoas, que só abrem depois do login. Peça ao seu desenvolvedor, ou ao suporte da ferramenta que você usa, o endereço que recebe webhooks sem login, ou que torne este público.",
		},
	},
	codeRedirectApp: {
		Error,
		text{
			"Google Apps Script answers with a detour",
			"Your script did receive the message, but Google answers with a detour to another address (code {status}), which does not count as received. This cannot be changed in the script. Ask your developer to put a receiver in between that answers directly, for example with Zapier, Make or n8n.",
		},
		text{
			"Google Apps Script responde con un desvío",
			"Su script sí recibió el mensaje, pero Google responde con un desvío a otra dirección (código {status}), y eso no cuenta como recibido. No se puede cambiar en el script. Pida a su desarrollador que ponga en medio un receptor que responda directamente, por ejemplo con Zapier, Make o n8n.",
		},
		text{
			"O Google Apps Script responde com um desvio",
			"O seu script recebeu a mensagem, mas o Google responde com um desvio para outro endereço (código {status}), e isso não conta como recebido. Não dá para mudar isso no script. Peça ao seu desenvolvedor que coloque no meio um receptor que responda diretamente, por exemplo com Zapier, Make ou n8n.",
		},
	},
	codeRedirect: {
		Error,
		text{
			"The address sends us elsewhere (code {status})",
			"{host} did not take the message; it points to another address[[: {location}]]. For safety we do not go there by ourselves. Often only a detail differs: https instead of http, www, or a slash at the end. Ask your developer whether the other address is the right one, and enter it instead.",
		},
		text{
			"La dirección nos envía a otro lugar (código {status})",
			"{host} no tomó el mensaje; señala otra dirección[[: {location}]]. Por seguridad no vamos ahí por nuestra cuenta. A menudo solo cambia un detalle: https en lugar de http, www o una barra al final. Pregunte a su desarrollador si la otra dirección es la correcta e ingrésela en su lugar.",
		},
		text{
			"O endereço nos manda para outro lugar (código {status})",
			"{host} não recebeu a mensagem; ele aponta para outro endereço[[: {location}]]. Por segurança não vamos até lá por conta própria. Muitas vezes só muda um detalhe: https em vez de http, www ou uma barra no final. Pergunte ao seu desenvolvedor se o outro endereço é o certo e informe-o no lugar deste.",
		},
	},
	codeHTML: {
		Error,
		text{
			"The address shows a web page",
			"{host} answered with a page meant for people, for example a home page or a login form, so the message was most likely ignored. Ask your developer, or the support of the tool you use, for the exact address that receives webhooks; it is usually longer than the address of the web site.",
		},
		text{
			"La dirección muestra una página web",
			"{host} respondió con una página para personas, por ejemplo una página de inicio o un formulario de acceso, así que lo más probable es que el mensaje se haya ignorado. Pida a su desarrollador, o al soporte de la herramienta que usa, la dirección exacta que recibe webhooks; suele ser más larga que la del sitio web.",
		},
		text{
			"O endereço mostra uma página da web",
			"{host} respondeu com uma página para pessoas, por exemplo uma página inicial ou um formulário de login, então é bem provável que a mensagem tenha sido ignorada. Peça ao seu desenvolvedor, ou ao suporte da ferramenta que você usa, o endereço exato que recebe webhooks; ele costuma ser mais longo que o do site.",
		},
	},
	codeDocument: {
		Error,
		text{
			"This is the address of a document, not of a receiver",
			"An address of {host} opens a document such as a spreadsheet for people. It throws away what programs send to it, even if it seems to accept it. To write into a spreadsheet, make a webhook address with a tool such as Zapier, Make or n8n, let the tool add the rows, and enter the address that the tool gives you.",
		},
		text{
			"Esta es la dirección de un documento, no de un receptor",
			"Una dirección de {host} abre un documento para personas, como una hoja de cálculo. Descarta lo que los programas le envían, aunque parezca aceptarlo. Para escribir en una hoja de cálculo, cree una dirección de webhook con una herramienta como Zapier, Make o n8n, deje que la herramienta agregue las filas e ingrese la dirección que la herramienta le dé.",
		},
		text{
			"Este é o endereço de um documento, não de um receptor",
			"Um endereço de {host} abre um documento para pessoas, como uma planilha. Ele descarta o que os programas enviam, mesmo que pareça aceitar. Para escrever em uma planilha, crie um endereço de webhook com uma ferramenta como Zapier, Make ou n8n, deixe a ferramenta adicionar as linhas e informe o endereço que ela der a você.",
		},
	},
	codeWrongAnswer: {
		Error,
		text{
			"Received, but the answer is not the expected one",
			"{host} answered with the right code[[ ({status})]], but the content of the answer is not what this webhook asks for, so it does not count as received. Show your developer the answer of this attempt and the section of the documentation on what to answer.",
		},
		text{
			"Recibido, pero la respuesta no es la esperada",
			"{host} respondió con el código correcto[[ ({status})]], pero el contenido de la respuesta no es el que pide este webhook, así que no cuenta como recibido. Muestre a su desarrollador la respuesta de este intento y la sección de la documentación sobre qué responder.",
		},
		text{
			"Recebido, mas a resposta não é a esperada",
			"{host} respondeu com o código certo[[ ({status})]], mas o conteúdo da resposta não é o que este webhook pede, então não conta como recebido. Mostre ao seu desenvolvedor a resposta desta tentativa e a seção da documentação sobre o que responder.",
		},
	},
	codeUnauthorized: {
		Error,
		text{
			"{host} wants to know who we are (code {status})",
			"The server asks for a password, token or key, and did not get the one it expects. Check whether the token in the settings here is exactly the one that the receiving side has, without spaces around it. If the receiver is not meant to ask for one, ask your developer to let webhooks in without a login.",
		},
		text{
			"{host} quiere saber quiénes somos (código {status})",
			"El servidor pide una contraseña, token o clave y no recibió la que espera. Revise si el token en la configuración de aquí es exactamente el que tiene el lado que recibe, sin espacios alrededor. Si el receptor no debería pedirlo, pida a su desarrollador que deje entrar los webhooks sin iniciar sesión.",
		},
		text{
			"{host} quer saber quem somos (código {status})",
			"O servidor pede uma senha, token ou chave e não recebeu o que espera. Confira se o token nas configurações daqui é exatamente o que o lado que recebe tem, sem espaços em volta. Se o receptor não deveria pedir isso, peça ao seu desenvolvedor que deixe os webhooks entrarem sem login.",
		},
	},
	codeForbidden: {
		Error,
		text{
			"{host} does not let us in (code {status})",
			"The server understood the message but forbids it. Often the token is wrong, or a protection against robots (a firewall such as Cloudflare) stops programs. Ask whoever runs the server to check the token and to allow webhooks to this address.",
		},
		text{
			"{host} no nos deja entrar (código {status})",
			"El servidor entendió el mensaje, pero lo prohíbe. A menudo el token no es correcto o una protección contra robots (un firewall como Cloudflare) detiene a los programas. Pida a quien administra el servidor que revise el token y permita los webhooks a esta dirección.",
		},
		text{
			"{host} não nos deixa entrar (código {status})",
			"O servidor entendeu a mensagem, mas a proíbe. Muitas vezes o token está errado ou uma proteção contra robôs (um firewall como o Cloudflare) barra os programas. Peça a quem administra o servidor que confira o token e permita os webhooks neste endereço.",
		},
	},
	codeNotFound: {
		Error,
		text{
			"There is nothing at this address (code {status})",
			"The server {host} is there, but the part of the address after the name leads nowhere. Check it for typing mistakes and missing parts. If it is right, ask your developer, or the support of the tool you use, whether the receiver has been published and switched on.",
		},
		text{
			"No hay nada en esta dirección (código {status})",
			"El servidor {host} está ahí, pero la parte de la dirección después del nombre no lleva a ningún lado. Revise que no tenga errores ni le falten partes. Si está bien, pregunte a su desarrollador, o al soporte de la herramienta que usa, si el receptor ya está publicado y activado.",
		},
		text{
			"Não há nada neste endereço (código {status})",
			"O servidor {host} está lá, mas a parte do endereço depois do nome não leva a lugar nenhum. Confira se não há erros de digitação nem partes faltando. Se estiver certo, pergunte ao seu desenvolvedor, ou ao suporte da ferramenta que você usa, se o receptor já foi publicado e ativado.",
		},
	},
	codeMethod: {
		Error,
		text{
			"The address does not take messages (code {status})",
			"{host} shows something at this address, but does not accept that something is sent to it in this way. It is probably a page for people, or it expects another method. Ask your developer for the address that receives webhooks, and which method (such as POST or PUT) it expects.",
		},
		text{
			"La dirección no recibe mensajes (código {status})",
			"{host} muestra algo en esta dirección, pero no acepta que se le envíe algo de esta forma. Probablemente es una página para personas o espera otro método. Pregunte a su desarrollador cuál es la dirección que recibe webhooks y qué método (como POST o PUT) espera.",
		},
		text{
			"O endereço não recebe mensagens (código {status})",
			"{host} mostra algo neste endereço, mas não aceita que se envie algo desta forma. Provavelmente é uma página para pessoas ou espera outro método. Pergunte ao seu desenvolvedor qual é o endereço que recebe webhooks e qual método (como POST ou PUT) ele espera.",
		},
	},
	"address_gone": {
		Error,
		text{
			"The address has been closed for good (code 410)",
			"{host} says that this address existed and will not come back. Messages stop going to it. Ask your developer, or the support of the tool you use, for the new address, enter it here and switch it on again.",
		},
		text{
			"La dirección se cerró para siempre (código 410)",
			"{host} dice que esta dirección existió y no volverá. Se dejan de enviar mensajes a ella. Pida a su desarrollador, o al soporte de la herramienta que usa, la dirección nueva, ingrésela aquí y vuelva a activarla.",
		},
		text{
			"O endereço foi fechado para sempre (código 410)",
			"{host} diz que este endereço existiu e não vai voltar. As mensagens deixam de ser enviadas para ele. Peça ao seu desenvolvedor, ou ao suporte da ferramenta que você usa, o novo endereço, informe-o aqui e ative-o de novo.",
		},
	},
	"too_many_requests": {
		Error,
		text{
			"{host} is receiving too much at once (code 429)",
			"The server asks us to slow down. Wait a while and try again. If it happens often, ask whoever runs the server to raise its limit, or set a lower number of messages per second here.",
		},
		text{
			"{host} está recibiendo demasiado a la vez (código 429)",
			"El servidor pide que vayamos más despacio. Espere un poco y vuelva a intentarlo. Si pasa a menudo, pida a quien administra el servidor que suba su límite, o ponga aquí un número menor de mensajes por segundo.",
		},
		text{
			"{host} está recebendo coisas demais ao mesmo tempo (código 429)",
			"O servidor pede que a gente vá mais devagar. Espere um pouco e tente de novo. Se acontecer com frequência, peça a quem administra o servidor que aumente o limite, ou defina aqui um número menor de mensagens por segundo.",
		},
	},
	codeRejected: {
		Error,
		text{
			"{host} rejected the message (code {status})",
			"The server received the message, but does not accept it as it is: it may expect other fields, another format, or something more in the address. Show your developer this attempt, the answer of the server and the documentation of the webhook.",
		},
		text{
			"{host} rechazó el mensaje (código {status})",
			"El servidor recibió el mensaje, pero no lo acepta como está: puede esperar otros campos, otro formato o algo más en la dirección. Muestre a su desarrollador este intento, la respuesta del servidor y la documentación del webhook.",
		},
		text{
			"{host} rejeitou a mensagem (código {status})",
			"O servidor recebeu a mensagem, mas não a aceita como está: ele pode esperar outros campos, outro formato ou algo mais no endereço. Mostre ao seu desenvolvedor esta tentativa, a resposta do servidor e a documentação do webhook.",
		},
	},
	codeServerError: {
		Error,
		text{
			"The receiving program failed (code {status})",
			"The message arrived at {host}, but the program that should process it had an error of its own. The address is right; the program is not. Show your developer this attempt and ask them to look at the log of the server at that time.",
		},
		text{
			"El programa que recibe falló (código {status})",
			"El mensaje llegó a {host}, pero el programa que debería procesarlo tuvo un error propio. La dirección está bien; el programa no. Muestre a su desarrollador este intento y pídale que revise el registro (log) del servidor a esa hora.",
		},
		text{
			"O programa que recebe falhou (código {status})",
			"A mensagem chegou a {host}, mas o programa que deveria processá-la teve um erro próprio. O endereço está certo; o programa, não. Mostre ao seu desenvolvedor esta tentativa e peça que veja o registro (log) do servidor nesse horário.",
		},
	},
	codeServerAway: {
		Error,
		text{
			"The receiving program is not available (code {status})",
			"{host} is there, but the program behind it is stopped, starting or overloaded. Try again in a few minutes. If it stays like this, ask whoever runs the server whether the program is running.",
		},
		text{
			"El programa que recibe no está disponible (código {status})",
			"{host} está ahí, pero el programa detrás está detenido, iniciando o sobrecargado. Vuelva a intentarlo en unos minutos. Si sigue igual, pregunte a quien administra el servidor si el programa está funcionando.",
		},
		text{
			"O programa que recebe não está disponível (código {status})",
			"{host} está lá, mas o programa por trás dele está parado, iniciando ou sobrecarregado. Tente de novo em alguns minutos. Se continuar assim, pergunte a quem administra o servidor se o programa está em execução.",
		},
	},
	"unexpected_status": {
		Error,
		text{
			"An unexpected answer (code {status})",
			"{host} answered, but with a code that does not count as received here. Ask your developer to answer with the code that the documentation of this webhook asks for, normally 200.",
		},
		text{
			"Una respuesta inesperada (código {status})",
			"{host} respondió, pero con un código que aquí no cuenta como recibido. Pida a su desarrollador que responda con el código que pide la documentación de este webhook, normalmente 200.",
		},
		text{
			"Uma resposta inesperada (código {status})",
			"{host} respondeu, mas com um código que aqui não conta como recebido. Peça ao seu desenvolvedor que responda com o código que a documentação deste webhook pede, normalmente 200.",
		},
	},
	"request_not_made": {
		Error,
		text{
			"The message could not be put together",
			"Nothing was sent: with this data and these settings no message can be made. Check the address and the settings here for missing or wrong values. If they are right, show this attempt to the support of the product that sends the webhooks.",
		},
		text{
			"No se pudo armar el mensaje",
			"No se envió nada: con estos datos y esta configuración no se puede armar un mensaje. Revise que en la dirección y la configuración de aquí no falten valores ni haya errores. Si están bien, muestre este intento al soporte del producto que envía los webhooks.",
		},
		text{
			"Não foi possível montar a mensagem",
			"Nada foi enviado: com estes dados e esta configuração não é possível montar uma mensagem. Confira se no endereço e nas configurações daqui não faltam valores nem há erros. Se estiverem certos, mostre esta tentativa ao suporte do produto que envia os webhooks.",
		},
	},
	"transformation_failed": {
		Error,
		text{
			"The script that changes the message failed",
			"Nothing was sent: a small program was set up here to change messages before they go out, and it stopped with an error. Show this attempt to whoever wrote it, or remove it to send the message unchanged.",
		},
		text{
			"Falló el script que cambia el mensaje",
			"No se envió nada: aquí se configuró un pequeño programa que cambia los mensajes antes de salir, y se detuvo con un error. Muestre este intento a quien lo escribió, o quítelo para enviar el mensaje sin cambios.",
		},
		text{
			"O script que altera a mensagem falhou",
			"Nada foi enviado: aqui foi configurado um pequeno programa que altera as mensagens antes de saírem, e ele parou com um erro. Mostre esta tentativa a quem o escreveu, ou remova-o para enviar a mensagem sem alterações.",
		},
	},
	"transformation_too_slow": {
		Error,
		text{
			"The script that changes the message took too long",
			"Nothing was sent: a small program was set up here to change messages before they go out, and it did not finish in the time it has, so it was stopped. Show this attempt to whoever wrote it, or remove it to send the message unchanged.",
		},
		text{
			"El script que cambia el mensaje tardó demasiado",
			"No se envió nada: aquí se configuró un pequeño programa que cambia los mensajes antes de salir, y no terminó en el tiempo que tiene, así que se detuvo. Muestre este intento a quien lo escribió, o quítelo para enviar el mensaje sin cambios.",
		},
		text{
			"O script que altera a mensagem demorou demais",
			"Nada foi enviado: aqui foi configurado um pequeno programa que altera as mensagens antes de saírem, e ele não terminou no tempo que tem, então foi interrompido. Mostre esta tentativa a quem o escreveu, ou remova-o para enviar a mensagem sem alterações.",
		},
	},
	"transformation_cancelled": {
		Warning,
		text{
			"The script said not to send this message",
			"Nothing was sent, and this is no failure: a small program was set up here to change messages before they go out, and it decided to leave this one out. If the message should have gone out, show this attempt to whoever wrote it.",
		},
		text{
			"El script indicó que no se enviara este mensaje",
			"No se envió nada, y no es un fallo: aquí se configuró un pequeño programa que cambia los mensajes antes de salir, y decidió omitir este. Si el mensaje debía salir, muestre este intento a quien lo escribió.",
		},
		text{
			"O script indicou que esta mensagem não fosse enviada",
			"Nada foi enviado, e isso não é uma falha: aqui foi configurado um pequeno programa que altera as mensagens antes de saírem, e ele decidiu deixar esta de fora. Se a mensagem deveria ter saído, mostre esta tentativa a quem o escreveu.",
		},
	},
	"attempt_interrupted": {
		Error,
		text{
			"We were interrupted",
			"Our own system was restarted while the message was on its way, so we do not know whether it arrived. This is not the fault of your server. Look whether it arrived in your system; if this was a test, do it again.",
		},
		text{
			"Fuimos interrumpidos",
			"Nuestro propio sistema se reinició mientras el mensaje iba en camino, así que no sabemos si llegó. No es culpa de su servidor. Revise si llegó a su sistema; si era una prueba, repítala.",
		},
		text{
			"Fomos interrompidos",
			"O nosso próprio sistema foi reiniciado enquanto a mensagem estava a caminho, então não sabemos se ela chegou. A culpa não é do seu servidor. Verifique se ela chegou ao seu sistema; se era um teste, faça de novo.",
		},
	},
	codeOther: {
		Error,
		text{
			"It did not work",
			"The message to {host} was not accepted. Show this attempt to your developer, or to the support of the product that sends the webhooks.",
		},
		text{
			"No funcionó",
			"El mensaje a {host} no fue aceptado. Muestre este intento a su desarrollador o al soporte del producto que envía los webhooks.",
		},
		text{
			"Não funcionou",
			"A mensagem para {host} não foi aceita. Mostre esta tentativa ao seu desenvolvedor ou ao suporte do produto que envia os webhooks.",
		},
	},
}
