import type { Messages } from "./en";

const plural = (n: number, one: string, many: string) => (n === 1 ? one : many);

const es: Messages = {
  code: "es",
  locale: "es",
  common: {
    save: "Guardar", cancel: "Cancelar", close: "Cerrar", delete: "Eliminar", edit: "Editar", copy: "Copiar", copied: "Copiado",
    retry: "Intentar de nuevo", more: "Cargar más", none: "Ninguno", yes: "Sí", no: "No", name: "Nombre", created: "Creado", actions: "Acciones",
    loading: "Cargando…", clear: "Quitar filtros", seconds: "segundos", unnamed: "Sin nombre",
    never: "nunca", skip: "Ir al contenido", menu: "Menú", type: "Tipo", state: "Estado", time: "Hora", show: "Mostrar",
    add: "Agregar", remove: "Quitar", value: "Valor",
  },
  problem: {
    title: "No se pudo hacer", network: "El servidor no responde. Revise su conexión e intente de nuevo.",
    notFound: "Aquí no hay nada", notFoundText: "La página no existe, o lo que mostraba fue eliminado.",
  },
  language: "Idioma", theme: { toggle: "Claro u oscuro" },
  signIn: {
    title: "Iniciar sesión", text: "Use una clave de API, o la clave de administrador que el servidor mostró la primera vez que se inició.", key: "Clave de API", submit: "Entrar",
    ended: "Su sesión terminó. Inicie sesión de nuevo.", signOut: "Cerrar sesión", as: (name) => `Sesión de ${name}`, admin: "Administrador",
  },
  portal: {
    ended: "Este enlace ya no sirve", endedText: "Vuelva al lugar donde lo encontró y ábralo de nuevo.",
  },
  nav: {
    overview: "Resumen", tenants: "Clientes", endpoints: "Destinos", deliveries: "Entregas", events: "Eventos", contracts: "Sistemas", keys: "Claves de API",
    audit: "Actividad", tenant: "Cliente", allTenants: "Todos los clientes", pickTenant: "Elija un cliente", admin: "Administración",
  },
  roles: { operator: "Operador", tenant: "Cliente", publish: "Solo publicar", read: "Solo leer" },
  endpointState: { active: "Activo", paused: "En pausa", disabled: "Desactivado", failing: "Fallando", working: "Funciona", unused: "Sin uso todavía" },
  stateReason: {
    gone: "El receptor respondió que ya no existe (410).", failing_long: "Falló durante días y Gancho lo desactivó.", by_person: "Lo hizo una persona.",
  },
  deliveryState: {
    pending: "En espera", sending: "Enviando", retrying: "Se reintentará", delivered: "Entregado", failed: "Fallido", unknown: "Desconocido", cancelled: "Cancelado",
  },
  reason: {
    dns_not_found: "La dirección no existe", dns_failed: "No se pudo consultar la dirección", private_address: "Dirección privada", connect_refused: "Nadie escucha ahí",
    connect_timeout: "Sin conexión a tiempo", connect_failed: "No se puede alcanzar", tls_untrusted: "Certificado no confiable", tls_invalid: "Certificado inválido",
    tls_expired: "Certificado vencido", tls_hostname: "Certificado de otro nombre", tls_failed: "Sin conexión segura", timeout: "Sin respuesta a tiempo",
    reset: "Se cortó la conexión", protocol_error: "No es un servidor web", headers_too_large: "Respuesta demasiado grande", redirect: "Redirige a otro lado",
    status_4xx: "Petición rechazada (4xx)", status_5xx: "Error del receptor (5xx)", gone: "Ya no existe (410)", rate_limited: "Demasiadas peticiones (429)",
    status_unexpected: "Respuesta inesperada", body_rule: "Texto de respuesta incorrecto", too_slow: "Respondió tarde", render_failed: "No se pudo armar",
    interrupted: "Interrumpido", script_error: "Falló la transformación", delivered: "Entregado", endpoint_disabled: "Destino desactivado",
    endpoint_deleted: "Destino eliminado", superseded: "Reemplazado por uno más nuevo", ok: "Entregado",
  },
  tenants: {
    title: "Clientes", text: "Los clientes de su producto que reciben webhooks.", new: "Nuevo cliente", id: "Id", idHelp: "Minúsculas, dígitos, - y _. No se puede cambiar.",
    empty: "Todavía no hay clientes", emptyText: "Un cliente de su producto recibe sus propios webhooks. Cree el primero y luego dele un destino.", made: (id) => `Se creó el cliente ${id}.`,
  },
  endpoints: {
    title: "Destinos", text: "A dónde se envían los webhooks.", new: "Nuevo destino", event: "Evento", url: "URL", method: "Método", lastRun: "Última ejecución",
    empty: "Todavía no hay destinos", emptyText: "Un destino es una dirección suya que recibe webhooks. Cree uno y pruébelo con un clic.",
    anyEvent: "Todos los eventos", events: (n) => `${n} ${plural(n, "evento", "eventos")}`, history: "Historial", configuration: "Configuración",
    disable: "Desactivar", enable: "Activar", pause: "Pausar", resume: "Reanudar", test: "Probar",
    deleteTitle: (name) => `¿Eliminar ${name}?`, deleteText: "Las entregas en espera se cancelan. El historial se conserva. No se puede deshacer.",
    disableTitle: (name) => `¿Desactivar ${name}?`, disableText: "Ya no se envían webhooks y los que esperan se cancelan. Lo que se pierda se puede enviar después.",
    deleted: "Se eliminó el destino.", disabled: "El destino está desactivado.", enabled: "El destino está activo.", paused: "El destino está en pausa. Los webhooks esperan hasta que lo reanude.",
    saved: "Guardado.", made: "Se creó el destino. Pruébelo ahora.", menu: (name) => `Acciones de ${name}`, failingSince: "Fallando desde",
    summary: "Resumen", createdAt: "Creado", recover: "Reenviar lo que se perdió",
  },
  form: {
    newTitle: "Nuevo destino", editTitle: "Editar destino", contract: "Sistema de webhooks", contractHelp: "Define qué eventos hay y cómo son las peticiones.",
    name: "Nombre", nameHelp: "Para que lo reconozca.", namePlaceholder: "CRM", url: "URL", urlHelp: "La dirección que recibe los webhooks.", method: "Método",
    eventTypes: "Eventos", eventTypesHelp: "Déjelo vacío para recibir todos.", eventTypesFree: "Escriba un nombre y pulse Enter; * vale por cualquier cosa.",
    delivery: "Entrega", advanced: "Avanzado", timeout: "Tiempo límite", timeoutHelp: "Cuánto puede tardar el receptor en responder.",
    concurrency: "Al mismo tiempo", concurrencyHelp: "Peticiones a la vez.", rate: "Máximo por segundo", rateHelp: "Vacío: sin límite.", ordered: "En orden", transformation: "Transformación (JavaScript)", transformationHelp: "Una función que puede cambiar cada petición antes de enviarla, o cancelarla.",
    orderedHelp: "De uno en uno, en el orden en que ocurrió. Si uno falla, los demás esperan.", filter: "Condición", filterHelp: "Solo eventos para los que esto es verdad, por ejemplo payload.total > 100.",
    headers: "Encabezados adicionales", secretKept: "Guardado. Déjelo así para conservarlo.", create: "Crear destino", retry: "Reintentos", retryHelp: "Cuándo se hace cada petición, contando desde la anterior.",
    attempt: (n) => `Intento ${n}`, atOnce: "de inmediato", addAttempt: "Agregar intento", removeAttempt: (n) => `Quitar el intento ${n}`,
    at: (t) => `${t} después del evento`, lastAt: (t) => `El último intento es ${t} después del evento.`, byDefault: "Como indica el sistema", own: "Mis propios tiempos",
    once: "Este sistema envía cada webhook una sola vez.", durationHelp: "Un número con s, m, h o d, como 30s o 5m.",
    addPair: "Agregar un par", removePair: (n) => `Quitar el par ${n}`, choose: "Elija…",
  },
  secret: {
    title: "Secreto de firma", text: "Con él, el receptor comprueba que un webhook viene de usted. Guárdelo donde están los demás secretos del receptor.", show: "Mostrar secreto",
    once: "Cópielo ahora y póngalo en el receptor.", rotate: "Reemplazar secreto", rotateTitle: "¿Reemplazar el secreto de firma?",
    rotateText: "Se crea un secreto nuevo. Durante 24 horas las peticiones se firman con ambos, para que el receptor pueda cambiar.", rotated: "Hay un secreto nuevo en vigor.",
    previous: (t) => `El secreto anterior sirve hasta ${t}.`,
  },
  test: {
    text: "Envía ahora un webhook de prueba y muestra qué respondió el receptor.", run: "Enviar prueba", again: "Probar de nuevo", event: "Evento",
    request: "Petición", answer: "Respuesta", noAnswer: "No hubo respuesta.", what: "Qué hacer", took: (ms) => `${ms} ms`,
    seeDelivery: "Verla en el historial",
  },
  script: {
    tab: "Transformación", console: "Consola", cancelled: "La transformación dice que no se envíe", without: "Esta es la petición sin la transformación.", example: "Ejemplo",
  },
  deliveries: {
    title: "Entregas", text: "Cada webhook que se envió o se va a enviar.", live: "En vivo", liveOn: "Las entregas nuevas aparecen solas", endpoint: "Destino", event: "Evento", attempts: "Intentos",
    reason: "Motivo", empty: "Todavía no hay nada", emptyText: "Las entregas aparecen aquí apenas ocurre algo. Puede probar un destino o enviar un evento a mano.",
    emptyFilter: "Nada coincide", emptyFilterText: "Cambie o quite los filtros.", since: "Desde", findId: "Id de evento o entrega", allStates: "Todos los estados",
    allEndpoints: "Todos los destinos", test: "Prueba", next: "Próximo intento", end: "Eso es todo.", gone: "Destino eliminado",
  },
  delivery: {
    technical: "Detalle técnico (en inglés)",
    title: "Entrega", timeline: "Intentos", attempt: (n) => `Intento ${n}`, retry: "Enviar de nuevo", retried: "Se envía de nuevo.", sendNow: "Enviar ahora",
    request: "Petición", answer: "Respuesta", headers: "Encabezados", body: "Cuerpo", curl: "Copiar como curl",
    empty: "vacío", truncated: "Solo se conserva el principio.", binary: "No es texto; se muestra en base64.", timing: "Tiempos", dns: "Consulta del nombre", connect: "Conexión", tls: "Cifrado", wait: "Espera de la respuesta",
    read: "Lectura de la respuesta", total: "Total", due: "Ya toca y espera su turno.", interrupted: "El servidor se detuvo antes de saber el resultado.", event: "Evento", endpoint: "Destino", none: "Todavía no hay intentos.", mode: "Modo de entrega",
    at_least_once: "Hasta que llegue", at_most_once: "Una vez como máximo", secretNote: "Los secretos aparecen como ********; póngalos antes de ejecutarlo.", formatted: "Con formato", raw: "Como se envió",
  },
  why: { title: "Por qué", made: "Por qué se creó", taken: "Por qué se envía aquí", judged: "Qué cuenta como éxito", next: "Qué sigue", rule: "Regla" },
  recover: {
    title: "Reenviar lo que se perdió", text: "Recorre los eventos de un período y envía de nuevo lo que no llegó.", since: "Eventos desde", until: "hasta", states: "Cuáles",
    failed: "Fallidos", cancelled: "Cancelados", missing: "Nunca creados, por estar desactivado", delivered: "Ya entregados", preview: "Contar primero", count: (n) => `Se enviarían de nuevo ${n}.`,
    atLeast: (n) => `Se enviarían de nuevo al menos ${n}.`, start: "Enviar de nuevo", running: (n, m) => `${n} eventos revisados, ${m} enviados de nuevo`, done: (n) => `Listo: ${n} enviados de nuevo.`,
    zero: "En este período no hay nada que reenviar.", lastHour: "Última hora", lastDay: "Últimas 24 horas", lastWeek: "Últimos 7 días", lastMonth: "Últimos 30 días",
  },
  events: {
    title: "Eventos", text: "Lo que ocurrió en su producto.", empty: "Todavía no hay eventos", emptyText: "Un evento dice que algo ocurrió. Su producto los publica; también puede enviar uno a mano.",
    send: "Enviar un evento", source: "Llegó por", externalId: "Su id", contract: "Sistema de webhooks", payload: "Contenido", deliveries: "Entregas", sent: (n) => `Aceptado. ${n} ${plural(n, "destino lo recibe", "destinos lo reciben")}.`,
    type: "Tipo", sendTitle: "Enviar un evento", sendText: "Se entrega a todos los destinos que lo reciben, como cualquier otro evento.", title1: "Evento", noDeliveries: "Ningún destino recibió este evento.",
    notJson: "Esto todavía no es JSON.", explain: "¿Por qué no?", explainTitle: "Por qué un destino no lo recibió",
    sources: { api: "API", record: "Cambio de un registro", schedule: "Programado", inbound: "Entrante", test: "Prueba" },
  },
  records: {
    title: "Registros", text: "Lo último que su producto dijo de sus objetos. Un cambio dispara los eventos de su sistema de webhooks.", kind: "Clase", anyKind: "Todas las clases", allOf: (title) => `Todo de ${title}`, key: "Clave", lookUp: "Buscar", changed: "Cambió", version: "Versión",
    empty: "Todavía no hay registros", emptyText: "Su producto los escribe con la API. Para escribir uno a mano, elija una clase, indique su clave y búsquelo.", missing: "No existe ese registro", missingText: "Escríbalo aquí. Dispara lo mismo que un cambio de su producto.",
    document: "Documento", write: "Escribir registro", how: "Cómo", put: "Reemplazar el documento", patch: "Cambiar algunos miembros", patchHelp: "Indique solo los miembros que cambian; null quita uno.", save: "Guardar y disparar",
    deleteText: "Se disparan los eventos de su eliminación. No se puede deshacer.", deleted: (n) => `El registro fue eliminado. ${plural(n, "Se disparó", "Se dispararon")} ${n} ${plural(n, "evento", "eventos")}.`,
    same: "Nada es distinto, así que nada se disparó.", created: "El registro fue escrito.", saved: "El registro fue cambiado.", fired: "Se disparó", noneFired: "No se disparó ningún evento.", takes: (n) => `${n} ${plural(n, "destino lo recibe", "destinos lo reciben")}`, notFired: "No se pudo calcular, así que no se disparó",
  },
  schedules: {
    title: "Programados", text: "Eventos que se hacen con los registros cada cierto tiempo.", when: "Cuándo", every: (x) => `Cada ${x}`, next: "Próxima vez", last: "Última vez", run: "Ejecutar ahora", running: "En marcha", resting: "En reposo",
    restingText: "Ningún destino activo lo recibe. Empieza cuando haya uno.", empty: "No hay programados", emptyText: "Ningún sistema de webhooks hace aquí eventos programados. Un contrato lo dice con every o cron.", result: "Resultado", records: "Registros incluidos", examined: "Registros revisados", took: "Tardó",
    states: { sent: "Enviado", skipped: "Nada que enviar", failed: "Falló" }, byHand: "a mano", leftOut: (n) => `${n} sin incluir, porque no se pudieron calcular`, failingSince: "Falla desde", seeEvent: "Ver el evento",
    codes: { nothing_to_send: "Ningún registro cumple la condición.", no_endpoint: "Ningún destino activo lo recibe.", too_large: "La petición sería más grande de lo que permite el contrato.", too_slow: "Los registros no se pudieron leer a tiempo." },
  },
  contracts: {
    title: "Sistemas de webhooks", text: "Cada uno dice qué eventos hay, cómo son las peticiones y qué respuesta vale.", events: (n) => `${n} ${plural(n, "evento", "eventos")}`, any: "Cualquier evento",
    signed: "Con firma", openapi: "OpenAPI", docs: "Documentación", eventTypes: "Eventos", settings: "Ajustes", playground: "Ensayo", methods: "Métodos", version: "Versión",
    check: "Revisar", source: "Contrato (YAML)", valid: "Este contrato está bien.", problems: (n) => `${n} ${plural(n, "problema", "problemas")}`, line: (n) => `Línea ${n}`,
    result: "Petición", noSettings: "No hay nada que llenar.",
  },
  keys: {
    title: "Claves de API", text: "Los programas usan una clave para hablar con Gancho. Las personas también, para entrar aquí.", new: "Nueva clave", role: "Puede", tenant: "Cliente", allTenants: "Todos los clientes", hint: "Termina en", expires: "Vence", expiresHelp: "Desde ese momento se rechaza. Déjelo vacío para una clave sin vencimiento.", ended: "Vencida", until: (t: string) => `Es válida hasta ${t}.`,
    empty: "Todavía no hay claves", emptyText: "Cree una clave para cada programa, así puede revocar una sin las demás.", revoke: "Revocar", revokeTitle: (name) => `¿Revocar ${name}?`,
    revokeText: "Los programas que la usan son rechazados de inmediato. No se puede deshacer.", revoked: "Se revocó la clave.", onceTitle: "La clave nueva", once: "Se muestra solo ahora. Cópiela a un lugar seguro.",
    roleHelp: { operator: "Todo, en todos los clientes", tenant: "Todo dentro de un cliente", publish: "Publicar eventos y nada más", read: "Ver todo, sin cambiar nada" }, create: "Crear clave",
  },
  credentials: {
    title: "Credenciales", text: "Claves, secretos y tokens de los sistemas que trabajan con ellos.", new: "Nueva credencial", create: "Crear credencial", newToken: "Nuevo token", tokenUntil: "El token sirve hasta",
    empty: "Todavía no hay credenciales", emptyText: "Algunos sistemas reconocen al receptor por una clave. Indique un nombre y una URL, y reciba una clave, un secreto y un token.", deleteText: "Sus tokens se rechazan de inmediato y su destino se elimina con ella. No se puede deshacer.",
    needed: "Un destino de este sistema se crea al crear una credencial.",
  },
  portalLinks: {
    list: "Enlaces al portal", listText: "Enlaces que se pueden abrir ahora y con los que alguien puede estar dentro.", opened: "Abierto", ends: "Termina", changes: "Ver y cambiar", empty: "No hay enlaces al portal ahora", emptyText: "Un enlace deja entrar a personas de este cliente durante unas horas. Cuando pasa su tiempo, desaparece por sí solo.",
    revokeTitle: (name: string) => `¿Terminar el enlace de ${name}?`, revokeText: "Quien entró con él queda fuera de inmediato, y ya no se puede abrir.", revoked: "El enlace se terminó.",
    title: "Enlace al portal", text: "Abre las páginas de este cliente para su propia gente, sin clave. Su producto lo pide con la API y lo muestra en una página o un iframe.", create: "Crear un enlace", language: "Idioma", accent: "Color",
    browser: "El del navegador", readOnly: "Solo mirar", until: (t) => `Se puede abrir hasta ${t}.`, example: "Lo mismo con la API",
  },
  audit: {
    title: "Actividad", text: "Quién cambió qué.", who: "Quién", what: "Qué", object: "En", empty: "Todavía no hay cambios", emptyText: "Aquí aparecen los cambios de personas y programas.",
    actions: {
      "tenant.created": "Creó un cliente", "tenant.changed": "Cambió un cliente", "tenant.deleted": "Eliminó un cliente", "endpoint.created": "Creó un destino", "endpoint.changed": "Cambió un destino", "endpoint.resumed": "Reanudó un destino", "endpoint.paused": "Pausó un destino", "endpoint.disabled": "Desactivó un destino", "endpoint.secret_changed": "Reemplazó un secreto de firma", "endpoint.deleted": "Eliminó un destino", "credential.created": "Creó una credencial", "credential.changed": "Cambió una credencial", "credential.paused": "Pausó una credencial", "credential.resumed": "Reanudó una credencial", "credential.token_made": "Creó un token", "credential.deleted": "Eliminó una credencial", "key.created": "Creó una clave de API", "key.revoked": "Revocó una clave de API", "contract.posted": "Cambió un sistema de webhooks", "contract.imported": "Incorporó un sistema de webhooks", "contract.changed": "Cambió lo que un sistema permite", "recovery.started": "Reenvió lo que se perdió", "delivery.retried": "Envió una entrega de nuevo", "portal_link.created": "Creó un enlace al portal", "portal_link.revoked": "Terminó un enlace al portal",
    },
    gancho: "Gancho",
  },
  overview: {
    title: "Resumen", hour: "Última hora", day: "Últimas 24 horas", week: "Últimos 7 días", period: "Período", delivered: "Entregados", failed: "Fallidos", retrying: "Intentos fallidos", waiting: "En espera ahora", waitingMore: (n) => `más de ${n}`,
    success: "Éxito", latency: "Tiempo de respuesta", p95: "95 %", p99: "99 %", chart: "Entregas en el tiempo", chartText: (ok, bad) => `${ok} entregados y ${bad} fallidos en este período.`,
    failing: "Destinos con problemas", allWell: "Todos los destinos funcionan.", empty: "No se envió nada en este período", table: "Ver como tabla",
    ms: (n) => `${n} ms`, welcome: "Empiece aquí", step1: "Cree un destino", step2: "Pruébelo", step3: "Publique eventos desde su producto",
  },
};

export default es;
