import type { Messages } from "./en";

const plural = (n: number, one: string, many: string) => (n === 1 ? one : many);

const pt: Messages = {
  code: "pt",
  locale: "pt-BR",
  common: {
    save: "Salvar", cancel: "Cancelar", close: "Fechar", delete: "Excluir", edit: "Editar", copy: "Copiar", copied: "Copiado",
    retry: "Tentar de novo", more: "Carregar mais", none: "Nenhum", yes: "Sim", no: "Não", name: "Nome", created: "Criado", actions: "Ações",
    loading: "Carregando…", clear: "Limpar filtros", seconds: "segundos", unnamed: "Sem nome",
    never: "nunca", skip: "Ir para o conteúdo", menu: "Menu", type: "Tipo", state: "Situação", time: "Hora", show: "Mostrar",
    add: "Adicionar", remove: "Remover", value: "Valor",
  },
  problem: {
    title: "Não deu certo", network: "O servidor não responde. Verifique sua conexão e tente de novo.",
    notFound: "Não há nada aqui", notFoundText: "A página não existe, ou o que ela mostrava foi excluído.",
  },
  language: "Idioma", theme: { toggle: "Claro ou escuro" },
  signIn: {
    title: "Entrar", text: "Use uma chave de API, ou a chave de administrador que o servidor mostrou na primeira vez que iniciou.", key: "Chave de API", submit: "Entrar",
    ended: "Sua sessão terminou. Entre de novo.", signOut: "Sair", as: (name) => `Sessão de ${name}`, admin: "Administrador",
  },
  portal: {
    ended: "Este link não vale mais", endedText: "Volte ao lugar onde o encontrou e abra-o de novo.",
  },
  nav: {
    overview: "Visão geral", tenants: "Clientes", endpoints: "Destinos", deliveries: "Entregas", events: "Eventos", contracts: "Sistemas", keys: "Chaves de API",
    audit: "Atividade", tenant: "Cliente", allTenants: "Todos os clientes", pickTenant: "Escolha um cliente", admin: "Administração",
  },
  roles: { operator: "Operador", tenant: "Cliente", publish: "Só publicar", read: "Só ler" },
  endpointState: { active: "Ativo", paused: "Em pausa", disabled: "Desativado", failing: "Falhando", working: "Funciona", unused: "Ainda sem uso" },
  stateReason: {
    gone: "O receptor respondeu que não existe mais (410).", failing_long: "Falhou durante dias e o Gancho o desativou.", by_person: "Uma pessoa fez isso.",
  },
  deliveryState: {
    pending: "Na espera", sending: "Enviando", retrying: "Será tentado de novo", delivered: "Entregue", failed: "Falhou", unknown: "Desconhecido", cancelled: "Cancelado",
  },
  reason: {
    dns_not_found: "O endereço não existe", dns_failed: "Não foi possível consultar o endereço", private_address: "Endereço privado", connect_refused: "Ninguém escuta ali",
    connect_timeout: "Sem conexão a tempo", connect_failed: "Inacessível", tls_untrusted: "Certificado não confiável", tls_invalid: "Certificado inválido",
    tls_expired: "Certificado vencido", tls_hostname: "Certificado de outro nome", tls_failed: "Sem conexão segura", timeout: "Sem resposta a tempo",
    reset: "A conexão caiu", protocol_error: "Não é um servidor web", headers_too_large: "Resposta grande demais", redirect: "Redireciona para outro lugar",
    status_4xx: "Requisição recusada (4xx)", status_5xx: "Erro do receptor (5xx)", gone: "Não existe mais (410)", rate_limited: "Requisições demais (429)",
    status_unexpected: "Resposta inesperada", body_rule: "Texto de resposta errado", too_slow: "Respondeu tarde", render_failed: "Não pôde ser montado",
    interrupted: "Interrompido", script_error: "A transformação falhou", delivered: "Entregue", endpoint_disabled: "Destino desativado",
    endpoint_deleted: "Destino excluído", superseded: "Substituído por um mais novo", ok: "Entregue",
  },
  tenants: {
    title: "Clientes", text: "Os clientes do seu produto que recebem webhooks.", new: "Novo cliente", id: "Id", idHelp: "Minúsculas, dígitos, - e _. Não pode ser alterado.",
    empty: "Ainda não há clientes", emptyText: "Um cliente do seu produto recebe os próprios webhooks. Crie o primeiro e depois dê a ele um destino.", made: (id) => `O cliente ${id} foi criado.`,
  },
  endpoints: {
    title: "Destinos", text: "Para onde os webhooks são enviados.", new: "Novo destino", event: "Evento", url: "URL", method: "Método", lastRun: "Última execução",
    empty: "Ainda não há destinos", emptyText: "Um destino é um endereço seu que recebe webhooks. Crie um e teste com um clique.",
    anyEvent: "Todos os eventos", events: (n) => `${n} ${plural(n, "evento", "eventos")}`, history: "Histórico", configuration: "Configuração",
    disable: "Desativar", enable: "Ativar", pause: "Pausar", resume: "Retomar", test: "Testar",
    deleteTitle: (name) => `Excluir ${name}?`, deleteText: "As entregas na espera são canceladas. O histórico fica. Não pode ser desfeito.",
    disableTitle: (name) => `Desativar ${name}?`, disableText: "Nenhum webhook é mais enviado e os que esperam são cancelados. O que se perder pode ser enviado depois.",
    deleted: "O destino foi excluído.", disabled: "O destino está desativado.", enabled: "O destino está ativo.", paused: "O destino está em pausa. Os webhooks esperam até que você o retome.",
    saved: "Salvo.", made: "O destino foi criado. Teste agora.", menu: (name) => `Ações de ${name}`, failingSince: "Falhando desde",
    summary: "Resumo", createdAt: "Criado", recover: "Reenviar o que se perdeu",
  },
  form: {
    newTitle: "Novo destino", editTitle: "Editar destino", contract: "Sistema de webhooks", contractHelp: "Define que eventos existem e como são as requisições.",
    name: "Nome", nameHelp: "Para que você o reconheça.", namePlaceholder: "CRM", url: "URL", urlHelp: "O endereço que recebe os webhooks.", method: "Método",
    eventTypes: "Eventos", eventTypesHelp: "Deixe vazio para receber todos.", eventTypesFree: "Digite um nome e tecle Enter; * vale por qualquer coisa.",
    delivery: "Entrega", advanced: "Avançado", timeout: "Tempo limite", timeoutHelp: "Quanto o receptor pode demorar para responder.",
    concurrency: "Ao mesmo tempo", concurrencyHelp: "Requisições de uma vez.", rate: "Máximo por segundo", rateHelp: "Vazio: sem limite.", ordered: "Em ordem", transformation: "Transformação (JavaScript)", transformationHelp: "Uma função que pode mudar cada requisição antes do envio, ou cancelá-la.",
    orderedHelp: "Um de cada vez, na ordem em que aconteceu. Se um falha, os outros esperam.", filter: "Condição", filterHelp: "Só eventos para os quais isto é verdade, por exemplo payload.total > 100.",
    headers: "Cabeçalhos adicionais", secretKept: "Guardado. Deixe como está para mantê-lo.", create: "Criar destino", retry: "Novas tentativas", retryHelp: "Quando cada requisição é feita, contando da anterior.",
    attempt: (n) => `Tentativa ${n}`, atOnce: "na hora", addAttempt: "Adicionar tentativa", removeAttempt: (n) => `Remover a tentativa ${n}`,
    at: (t) => `${t} depois do evento`, lastAt: (t) => `A última tentativa é ${t} depois do evento.`, byDefault: "Como o sistema diz", own: "Meus próprios tempos",
    once: "Este sistema envia cada webhook uma única vez.", durationHelp: "Um número com s, m, h ou d, como 30s ou 5m.",
    addPair: "Adicionar um par", removePair: (n) => `Remover o par ${n}`, choose: "Escolha…",
  },
  secret: {
    title: "Segredo de assinatura", text: "Com ele o receptor confere que um webhook vem de você. Guarde-o onde estão os outros segredos do receptor.", show: "Mostrar segredo",
    once: "Copie agora e coloque no receptor.", rotate: "Trocar segredo", rotateTitle: "Trocar o segredo de assinatura?",
    rotateText: "Um segredo novo é criado. Durante 24 horas as requisições são assinadas com os dois, para que o receptor possa trocar.", rotated: "Há um segredo novo em vigor.",
    previous: (t) => `O segredo anterior vale até ${t}.`,
  },
  test: {
    text: "Envia agora um webhook de teste e mostra o que o receptor respondeu.", run: "Enviar teste", again: "Testar de novo", event: "Evento",
    request: "Requisição", answer: "Resposta", noAnswer: "Não veio resposta.", what: "O que fazer", took: (ms) => `${ms} ms`,
    seeDelivery: "Ver no histórico",
  },
  script: {
    tab: "Transformação", console: "Console", cancelled: "A transformação diz para não enviar", without: "Esta é a requisição sem a transformação.", example: "Exemplo",
  },
  deliveries: {
    title: "Entregas", text: "Cada webhook que foi enviado ou vai ser enviado.", live: "Ao vivo", liveOn: "Entregas novas aparecem sozinhas", endpoint: "Destino", event: "Evento", attempts: "Tentativas",
    reason: "Motivo", empty: "Ainda não há nada", emptyText: "As entregas aparecem aqui assim que algo acontece. Você pode testar um destino ou enviar um evento à mão.",
    emptyFilter: "Nada corresponde", emptyFilterText: "Mude ou limpe os filtros.", since: "De", findId: "Id de evento ou entrega", allStates: "Todas as situações",
    allEndpoints: "Todos os destinos", test: "Teste", next: "Próxima tentativa", end: "Isso é tudo.", gone: "Destino excluído",
  },
  delivery: {
    technical: "Detalhe técnico (em inglês)",
    title: "Entrega", timeline: "Tentativas", attempt: (n) => `Tentativa ${n}`, retry: "Enviar de novo", retried: "Está sendo enviado de novo.", sendNow: "Enviar agora",
    request: "Requisição", answer: "Resposta", headers: "Cabeçalhos", body: "Corpo", curl: "Copiar como curl",
    empty: "vazio", truncated: "Só o começo é guardado.", binary: "Não é texto; mostrado em base64.", timing: "Tempos", dns: "Consulta do nome", connect: "Conexão", tls: "Criptografia", wait: "Espera da resposta",
    read: "Leitura da resposta", total: "Total", due: "Já é a hora e espera a sua vez.", interrupted: "O servidor parou antes de saber o resultado.", event: "Evento", endpoint: "Destino", none: "Ainda não há tentativas.", mode: "Modo de entrega",
    at_least_once: "Até chegar", at_most_once: "Uma vez no máximo", secretNote: "Os segredos aparecem como ********; coloque-os antes de executar.", formatted: "Formatado", raw: "Como foi enviado",
  },
  why: { title: "Por quê", made: "Por que foi criada", taken: "Por que é enviada para cá", judged: "O que conta como sucesso", next: "O que vem a seguir", rule: "Regra" },
  recover: {
    title: "Reenviar o que se perdeu", text: "Percorre os eventos de um período e envia de novo o que não chegou.", since: "Eventos desde", until: "até", states: "Quais",
    failed: "Que falharam", cancelled: "Cancelados", missing: "Nunca criados, por estar desativado", delivered: "Já entregues", preview: "Contar primeiro", count: (n) => `${n} seriam enviados de novo.`,
    atLeast: (n) => `Pelo menos ${n} seriam enviados de novo.`, start: "Enviar de novo", running: (n, m) => `${n} eventos vistos, ${m} enviados de novo`, done: (n) => `Pronto: ${n} enviados de novo.`,
    zero: "Neste período não há nada a reenviar.", lastHour: "Última hora", lastDay: "Últimas 24 horas", lastWeek: "Últimos 7 dias", lastMonth: "Últimos 30 dias",
  },
  events: {
    title: "Eventos", text: "O que aconteceu no seu produto.", empty: "Ainda não há eventos", emptyText: "Um evento diz que algo aconteceu. Seu produto os publica; você também pode enviar um à mão.",
    send: "Enviar um evento", source: "Veio por", externalId: "Seu id", contract: "Sistema de webhooks", payload: "Conteúdo", deliveries: "Entregas", sent: (n) => `Aceito. ${n} ${plural(n, "destino o recebe", "destinos o recebem")}.`,
    type: "Tipo", sendTitle: "Enviar um evento", sendText: "É entregue a todos os destinos que o recebem, como qualquer outro evento.", title1: "Evento", noDeliveries: "Nenhum destino recebeu este evento.",
    notJson: "Isto ainda não é JSON.", explain: "Por que não?", explainTitle: "Por que um destino não o recebeu",
    sources: { api: "API", record: "Mudança de um registro", schedule: "Agendado", inbound: "De entrada", test: "Teste" },
  },
  records: {
    title: "Registros", text: "O que seu produto disse por último de seus objetos. Uma mudança dispara os eventos do seu sistema de webhooks.", kind: "Classe", anyKind: "Todas as classes", allOf: (title) => `Tudo de ${title}`, key: "Chave", lookUp: "Procurar", changed: "Mudou", version: "Versão",
    empty: "Ainda não há registros", emptyText: "Seu produto os grava com a API. Para gravar um à mão, escolha uma classe, informe sua chave e procure-o.", missing: "Esse registro não existe", missingText: "Grave-o aqui. Dispara o mesmo que uma mudança do seu produto.",
    document: "Documento", write: "Gravar registro", how: "Como", put: "Substituir o documento", patch: "Mudar alguns membros", patchHelp: "Informe só os membros que mudam; null remove um.", save: "Salvar e disparar",
    deleteText: "Os eventos da exclusão são disparados. Não pode ser desfeito.", deleted: (n) => `O registro foi excluído. ${n} ${plural(n, "evento disparado", "eventos disparados")}.`,
    same: "Nada é diferente, então nada foi disparado.", created: "O registro foi gravado.", saved: "O registro foi mudado.", fired: "Disparado", noneFired: "Nenhum evento foi disparado.", takes: (n) => `${n} ${plural(n, "destino o recebe", "destinos o recebem")}`, notFired: "Não pôde ser calculado, então não foi disparado",
  },
  schedules: {
    title: "Agendados", text: "Eventos que são feitos com os registros de tempos em tempos.", when: "Quando", every: (x) => `A cada ${x}`, next: "Próxima vez", last: "Última vez", run: "Executar agora", running: "Em andamento", resting: "Em repouso",
    restingText: "Nenhum destino ativo o recebe. Começa quando houver um.", empty: "Não há agendados", emptyText: "Nenhum sistema de webhooks faz aqui eventos agendados. Um contrato o diz com every ou cron.", result: "Resultado", records: "Registros incluídos", examined: "Registros examinados", took: "Levou",
    states: { sent: "Enviado", skipped: "Nada a enviar", failed: "Falhou" }, byHand: "à mão", leftOut: (n) => `${n} fora, pois não puderam ser calculados`, failingSince: "Falha desde", seeEvent: "Ver o evento",
    codes: { nothing_to_send: "Nenhum registro satisfaz a condição.", no_endpoint: "Nenhum destino ativo o recebe.", too_large: "A requisição seria maior do que o contrato permite.", too_slow: "Os registros não puderam ser lidos a tempo." },
  },
  contracts: {
    title: "Sistemas de webhooks", text: "Cada um diz que eventos existem, como são as requisições e que resposta vale.", events: (n) => `${n} ${plural(n, "evento", "eventos")}`, any: "Qualquer evento",
    signed: "Com assinatura", openapi: "OpenAPI", docs: "Documentação", eventTypes: "Eventos", settings: "Ajustes", playground: "Ensaio", methods: "Métodos", version: "Versão",
    check: "Conferir", source: "Contrato (YAML)", valid: "Este contrato está certo.", problems: (n) => `${n} ${plural(n, "problema", "problemas")}`, line: (n) => `Linha ${n}`,
    result: "Requisição", noSettings: "Não há nada a preencher.",
  },
  keys: {
    title: "Chaves de API", text: "Os programas usam uma chave para falar com o Gancho. As pessoas também, para entrar aqui.", new: "Nova chave", role: "Pode", tenant: "Cliente", allTenants: "Todos os clientes", hint: "Termina em", expires: "Vence", expiresHelp: "A partir daí ela é recusada. Deixe vazio para uma chave sem vencimento.", ended: "Vencida", until: (t: string) => `É válida até ${t}.`,
    empty: "Ainda não há chaves", emptyText: "Crie uma chave para cada programa, assim uma pode ser revogada sem as outras.", revoke: "Revogar", revokeTitle: (name) => `Revogar ${name}?`,
    revokeText: "Os programas que a usam são recusados na hora. Não pode ser desfeito.", revoked: "A chave foi revogada.", onceTitle: "A chave nova", once: "Ela só é mostrada agora. Copie para um lugar seguro.",
    roleHelp: { operator: "Tudo, em todos os clientes", tenant: "Tudo dentro de um cliente", publish: "Publicar eventos e nada mais", read: "Ver tudo, sem mudar nada" }, create: "Criar chave",
  },
  credentials: {
    title: "Credenciais", text: "Chaves, segredos e tokens dos sistemas que trabalham com eles.", new: "Nova credencial", create: "Criar credencial", newToken: "Novo token", tokenUntil: "O token vale até",
    empty: "Ainda não há credenciais", emptyText: "Alguns sistemas reconhecem o receptor por uma chave. Informe um nome e uma URL e receba uma chave, um segredo e um token.", deleteText: "Seus tokens são recusados na hora e o destino dela vai junto. Não pode ser desfeito.",
    needed: "Um destino deste sistema é criado ao criar uma credencial.",
  },
  portalLinks: {
    list: "Links do portal", listText: "Links que podem ser abertos agora e com os quais alguém pode estar dentro.", opened: "Aberto", ends: "Termina", changes: "Ver e alterar", empty: "Não há links do portal agora", emptyText: "Um link deixa pessoas deste cliente entrar por algumas horas. Quando o tempo dele passa, some sozinho.",
    revokeTitle: (name: string) => `Encerrar o link de ${name}?`, revokeText: "Quem entrou com ele fica fora na hora, e ele não pode mais ser aberto.", revoked: "O link foi encerrado.",
    title: "Link do portal", text: "Abre as páginas deste cliente para as pessoas dele, sem chave. Seu produto o pede pela API e o mostra em uma página ou um iframe.", create: "Criar um link", language: "Idioma", accent: "Cor",
    browser: "O do navegador", readOnly: "Só olhar", until: (t) => `Pode ser aberto até ${t}.`, example: "O mesmo com a API",
  },
  audit: {
    title: "Atividade", text: "Quem mudou o quê.", who: "Quem", what: "O quê", object: "Em", empty: "Ainda não há mudanças", emptyText: "Mudanças de pessoas e programas aparecem aqui.",
    actions: {
      "tenant.created": "Criou um cliente", "tenant.changed": "Mudou um cliente", "tenant.deleted": "Excluiu um cliente", "endpoint.created": "Criou um destino", "endpoint.changed": "Mudou um destino", "endpoint.resumed": "Retomou um destino", "endpoint.paused": "Pausou um destino", "endpoint.disabled": "Desativou um destino", "endpoint.secret_changed": "Trocou um segredo de assinatura", "endpoint.deleted": "Excluiu um destino", "credential.created": "Criou uma credencial", "credential.changed": "Mudou uma credencial", "credential.paused": "Pausou uma credencial", "credential.resumed": "Retomou uma credencial", "credential.token_made": "Criou um token", "credential.deleted": "Excluiu uma credencial", "key.created": "Criou uma chave de API", "key.revoked": "Revogou uma chave de API", "contract.posted": "Mudou um sistema de webhooks", "contract.imported": "Incorporou um sistema de webhooks", "contract.changed": "Mudou o que um sistema permite", "recovery.started": "Reenviou o que se perdeu", "delivery.retried": "Enviou uma entrega de novo", "portal_link.created": "Criou um link do portal", "portal_link.revoked": "Encerrou um link do portal",
    },
    gancho: "Gancho",
  },
  overview: {
    title: "Visão geral", hour: "Última hora", day: "Últimas 24 horas", week: "Últimos 7 dias", period: "Período", delivered: "Entregues", failed: "Falharam", retrying: "Tentativas que falharam", waiting: "Na espera agora", waitingMore: (n) => `mais de ${n}`,
    success: "Sucesso", latency: "Tempo de resposta", p95: "95 %", p99: "99 %", chart: "Entregas no tempo", chartText: (ok, bad) => `${ok} entregues e ${bad} que falharam neste período.`,
    failing: "Destinos com problemas", allWell: "Todos os destinos funcionam.", empty: "Nada foi enviado neste período", table: "Ver como tabela",
    ms: (n) => `${n} ms`, welcome: "Comece aqui", step1: "Crie um destino", step2: "Teste", step3: "Publique eventos a partir do seu produto",
  },
};

export default pt;
