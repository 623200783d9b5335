// The texts of the pages. This catalogue gives the others their type: a text
// that is missing there is an error when the pages are built.

const plural = (n: number, one: string, many: string) => (n === 1 ? one : many);

const en = {
  code: "en",
  locale: "en",
  common: {
    save: "Save", cancel: "Cancel", close: "Close", delete: "Delete", edit: "Edit", copy: "Copy", copied: "Copied",
    retry: "Try again", more: "Load more", none: "None", yes: "Yes", no: "No", name: "Name", created: "Created", actions: "Actions",
    loading: "Loading…", clear: "Clear filters", seconds: "seconds", unnamed: "Unnamed",
    never: "never", skip: "Skip to the content", menu: "Menu", type: "Type", state: "Status", time: "Time", show: "Show",
    add: "Add", remove: "Remove", value: "Value",
  },
  problem: {
    title: "That did not work", network: "The server does not answer. Check your connection and try again.",
    notFound: "There is nothing here", notFoundText: "The page does not exist, or what it showed was deleted.",
    // By code, and by sentence about a field; none here, since what the server says is English.
    codes: {} as Record<string, string>, details: {} as Record<string, string>,
  },
  language: "Language", theme: { toggle: "Light or dark" },
  signIn: {
    title: "Sign in", text: "Use an API key, or the admin key that the server printed at its first start.", key: "API key", submit: "Sign in",
    ended: "Your session has ended. Sign in again.", signOut: "Sign out", as: (name: string) => `Signed in as ${name}`, admin: "Administrator",
  },
  portal: {
    ended: "This link has ended", endedText: "Go back to the place where you found it and open it again.",
  },
  nav: {
    overview: "Overview", tenants: "Tenants", endpoints: "Endpoints", deliveries: "Deliveries", events: "Events", contracts: "Contracts", keys: "API keys",
    audit: "Activity", tenant: "Tenant", allTenants: "All tenants", pickTenant: "Choose a tenant", admin: "Administration",
  },
  roles: { operator: "Operator", tenant: "Tenant", publish: "Publish only", read: "Read only" } as Record<string, string>,
  endpointState: { active: "Active", paused: "Paused", disabled: "Disabled", failing: "Failing", working: "Working", unused: "Not used yet" },
  stateReason: {
    gone: "The receiver said it is gone for good (410).", failing_long: "It failed for days, so Gancho turned it off.", by_person: "Somebody did this.",
  } as Record<string, string>,
  deliveryState: {
    pending: "Waiting", sending: "Sending", retrying: "Will try again", delivered: "Delivered", failed: "Failed", unknown: "Unknown", cancelled: "Cancelled",
  },
  reason: {
    dns_not_found: "Address does not exist", dns_failed: "Address could not be looked up", private_address: "Private address", connect_refused: "Nothing listens there",
    connect_timeout: "No connection in time", connect_failed: "Not reachable", tls_untrusted: "Certificate not trusted", tls_invalid: "Certificate invalid",
    tls_expired: "Certificate expired", tls_hostname: "Certificate of another name", tls_failed: "No secure connection", timeout: "No answer in time",
    reset: "Connection broke off", protocol_error: "Not a web server", headers_too_large: "Answer too large", redirect: "Redirects elsewhere",
    status_4xx: "Request refused (4xx)", status_5xx: "Receiver has an error (5xx)", gone: "Gone (410)", rate_limited: "Too many requests (429)",
    status_unexpected: "Unexpected answer", body_rule: "Wrong answer text", too_slow: "Answered too late", render_failed: "Could not be made",
    interrupted: "Interrupted", script_error: "Transformation failed", delivered: "Delivered", endpoint_disabled: "Endpoint disabled",
    endpoint_deleted: "Endpoint deleted", superseded: "Replaced by a newer one", ok: "Delivered",
  } as Record<string, string>,
  tenants: {
    title: "Tenants", text: "The customers of your product who receive webhooks.", new: "New tenant", id: "Id", idHelp: "Small letters, digits, - and _. It cannot be changed.",
    empty: "No tenants yet", emptyText: "A tenant is one customer of your product. Make the first, then give it an endpoint.", made: (id: string) => `Tenant ${id} was made.`,
  },
  endpoints: {
    title: "Endpoints", text: "Where webhooks are sent.", new: "New endpoint", event: "Event", url: "URL", method: "Method", lastRun: "Last run",
    empty: "No endpoints yet", emptyText: "An endpoint is an address of yours that receives webhooks. Make one, then test it with one click.",
    anyEvent: "Every event", events: (n: number) => `${n} ${plural(n, "event", "events")}`, history: "History", configuration: "Configuration",
    disable: "Disable", enable: "Enable", pause: "Pause", resume: "Resume", test: "Test",
    deleteTitle: (name: string) => `Delete ${name}?`, deleteText: "Waiting deliveries are cancelled. The history stays. This cannot be undone.",
    disableTitle: (name: string) => `Disable ${name}?`, disableText: "No webhooks are sent any more and waiting ones are cancelled. What it misses can be sent later.",
    deleted: "The endpoint was deleted.", disabled: "The endpoint is disabled.", enabled: "The endpoint is active.", paused: "The endpoint is paused. Webhooks wait until you resume it.",
    saved: "Saved.", made: "The endpoint was made. Test it now.", menu: (name: string) => `Actions for ${name}`, failingSince: "Failing since",
    summary: "Summary", createdAt: "Created", recover: "Send again what was missed",
  },
  form: {
    newTitle: "New endpoint", editTitle: "Edit endpoint", contract: "Webhook system", contractHelp: "Decides which events there are and what requests look like.",
    name: "Name", nameHelp: "So that you recognize it.", namePlaceholder: "CRM", url: "URL", urlHelp: "The address that receives the webhooks.", method: "Method",
    eventTypes: "Events", eventTypesHelp: "Leave empty to receive all.", eventTypesFree: "Type a name and press Enter; * stands for anything.",
    delivery: "Delivery", advanced: "Advanced", timeout: "Time limit", timeoutHelp: "How long the receiver may take to answer.",
    concurrency: "At the same time", concurrencyHelp: "Requests at once.", rate: "At most per second", rateHelp: "Empty: no limit.", ordered: "In order", transformation: "Transformation (JavaScript)", transformationHelp: "A function that may change each request before it is sent, or cancel it.",
    orderedHelp: "One at a time, in the order things happened. One that fails holds up the others.", filter: "Condition", filterHelp: "Only events for which this is true, for example payload.total > 100.",
    headers: "Extra headers", secretKept: "Stored. Leave it as it is to keep it.", create: "Make endpoint", retry: "Retries", retryHelp: "When a request is made, counted from the one before.",
    attempt: (n: number) => `Attempt ${n}`, atOnce: "at once", addAttempt: "Add attempt", removeAttempt: (n: number) => `Remove attempt ${n}`,
    at: (t: string) => `${t} after the event`, lastAt: (t: string) => `The last attempt is ${t} after the event.`, byDefault: "As the webhook system says", own: "My own times",
    once: "This system sends each webhook once and never again.", durationHelp: "A number with s, m, h or d, such as 30s or 5m.",
    addPair: "Add a pair", removePair: (n: number) => `Remove pair ${n}`, choose: "Choose…",
  },
  secret: {
    title: "Signing secret", text: "The receiver checks with it that a webhook comes from you. Keep it where the receiver's other secrets are.", show: "Show secret",
    once: "Copy it now and put it into the receiver.", rotate: "Replace secret", rotateTitle: "Replace the signing secret?",
    rotateText: "A new secret is made. For 24 hours requests are signed with both, so that the receiver can change over.", rotated: "A new secret is in force.",
    previous: (t: string) => `The old secret is good until ${t}.`,
  },
  test: {
    text: "Sends one test webhook now and shows what came back.", run: "Send test", again: "Test again", event: "Event",
    request: "Request", answer: "Answer", noAnswer: "No answer came.", what: "What to do", took: (ms: string) => `${ms} ms`,
    seeDelivery: "See it in the history",
  },
  script: {
    tab: "Transformation", console: "Console", cancelled: "The transformation says not to send it", without: "This is the request without the transformation.", example: "Example", pasteId: "Choose, or paste the id of an event",
  },
  deliveries: {
    title: "Deliveries", text: "Each webhook that was sent, or is to be sent.", live: "Live", liveOn: "New deliveries appear by themselves", endpoint: "Endpoint", event: "Event", attempts: "Attempts",
    reason: "Reason", empty: "Nothing here yet", emptyText: "Deliveries appear here as soon as something happens. You can test an endpoint or send an event by hand.",
    emptyFilter: "Nothing matches", emptyFilterText: "Change or clear the filters.", since: "From", until: "Until", older: "Older ones", findId: "Event or delivery id",
    test: "Test", next: "Next attempt", end: "That is all.", gone: "Deleted endpoint",
  },
  delivery: {
    technical: "Technical detail (English)",
    title: "Delivery", timeline: "Attempts", attempt: (n: number) => `Attempt ${n}`, retry: "Send again", retried: "It is sent again.", sendNow: "Send now",
    request: "Request", answer: "Answer", headers: "Headers", body: "Body", curl: "Copy as curl",
    empty: "empty", truncated: "Only the beginning is kept.", binary: "Not text; shown as base64.", timing: "Timing", dns: "Name lookup", connect: "Connect", tls: "Encryption", wait: "Waiting for the answer",
    read: "Reading the answer", total: "Total", due: "It is due and waits for its turn.", interrupted: "The server stopped before the end was known.", event: "Event", endpoint: "Endpoint", none: "No attempt yet.", mode: "Delivery mode",
    at_least_once: "Until it arrives", at_most_once: "Once at most", secretNote: "Secrets are shown as ********; put them in before you run it.", formatted: "Formatted", raw: "As sent",
  },
  why: { title: "Why", made: "Why it was made", taken: "Why it is sent here", judged: "What counts as success", next: "What happens next", rule: "Rule" },
  recover: {
    title: "Send again what was missed", text: "Goes through the events of a time and sends again what did not arrive.", since: "Events since", until: "until", states: "Which",
    failed: "Failed", cancelled: "Cancelled", missing: "Never made, as it was disabled", delivered: "Delivered already", preview: "Count first", count: (n: string) => `${n} would be sent again.`,
    atLeast: (n: string) => `At least ${n} would be sent again.`, start: "Send again", running: (n: string, m: string) => `${n} events looked at, ${m} sent again`, done: (n: string) => `Done: ${n} sent again.`,
    zero: "There is nothing to send again in this time.", lastHour: "Last hour", lastDay: "Last 24 hours", lastWeek: "Last 7 days", lastMonth: "Last 30 days",
  },
  events: {
    title: "Events", text: "What happened in your product.", empty: "No events yet", emptyText: "An event says that something happened. Your product publishes them; you can also send one by hand.",
    send: "Send an event", source: "Came by", externalId: "Your id", contract: "Webhook system", payload: "Content", deliveries: "Deliveries", sent: (n: number) => `Accepted. ${n} ${plural(n, "endpoint takes", "endpoints take")} it.`,
    type: "Type", sendTitle: "Send an event", sendText: "It is delivered to every endpoint that takes it, like any other event.", title1: "Event", noDeliveries: "No endpoint took this event.",
    notJson: "This is not JSON yet.", explain: "Why not?", explainTitle: "Why an endpoint did not get it",
    sources: { api: "API", record: "Record change", schedule: "Schedule", inbound: "Inbound", test: "Test" } as Record<string, string>,
  },
  records: {
    title: "Records", text: "What your product last told of its objects. A change fires the events of its webhook system.", kind: "Kind", anyKind: "All kinds", allOf: (title: string) => `All of ${title}`, key: "Key", lookUp: "Look up", changed: "Changed", version: "Version",
    empty: "No records yet", emptyText: "Your product writes them with the API. To write one by hand, choose a kind, give its key and look it up.", missing: "There is no such record", missingText: "Write it here. It fires what a change by your product would fire.",
    document: "Document", write: "Write record", how: "How", put: "Replace the document", patch: "Change some members", patchHelp: "Give only the members that change; null removes one.", save: "Save and fire",
    deleteText: "Events of its deletion fire. This cannot be undone.", deleted: (n: number) => `The record was deleted. ${n} ${plural(n, "event", "events")} fired.`,
    same: "Nothing is different, so nothing fired.", created: "The record was written.", saved: "The record was changed.", fired: "Fired", noneFired: "No event fired.", takes: (n: number) => `${n} ${plural(n, "endpoint takes", "endpoints take")} it`, notFired: "Could not be worked out, so it did not fire",
  },
  schedules: {
    title: "Schedules", text: "Events that are made of the records every so often.", when: "When", every: (t: string) => `Every ${t}`, next: "Next run", last: "Last run", run: "Run now", running: "Runs now", resting: "Rests",
    restingText: "No active endpoint takes it. It begins when there is one.", empty: "No schedules", emptyText: "No webhook system here makes events on a schedule. A contract says so with every or cron.", result: "Result", records: "Records in it", examined: "Records looked at", took: "Took",
    states: { sent: "Sent", skipped: "Nothing sent", failed: "Failed" }, byHand: "by hand", leftOut: (n: string) => `${n} left out, as they could not be worked out`, failingSince: "Failing since", seeEvent: "See the event",
    codes: { nothing_to_send: "No record satisfies the condition.", no_endpoint: "No active endpoint takes it.", too_large: "The request would be larger than the contract allows.", too_slow: "The records could not be read in time." } as Record<string, string>,
  },
  contracts: {
    title: "Webhook systems", text: "Each says which events there are, what requests look like and which answer counts.", events: (n: number) => `${n} ${plural(n, "event", "events")}`, any: "Any event",
    signed: "Signed", openapi: "OpenAPI", docs: "Documentation", eventTypes: "Events", settings: "Settings", playground: "Playground", methods: "Methods", version: "Version",
    check: "Check", source: "Contract (YAML)", valid: "This contract is right.", problems: (n: number) => `${n} ${plural(n, "problem", "problems")}`, line: (n: number) => `Line ${n}`,
    result: "Request", noSettings: "Nothing to fill in.", noType: "The contract in the editor has no such event type.",
  },
  keys: {
    title: "API keys", text: "Programs use a key to speak with Gancho. So do people, to sign in here.", new: "New key", role: "May", tenant: "Tenant", allTenants: "All tenants", hint: "Last characters", expires: "Ends", expiresHelp: "From then on it is refused. Leave empty for a key without an end.", ended: "Ended", until: (t: string) => `It is good until ${t}.`,
    empty: "No keys yet", emptyText: "Make a key for each program, so that one can be revoked without the others.", revoke: "Revoke", revokeTitle: (name: string) => `Revoke ${name}?`,
    revokeText: "Programs that use it are refused at once. This cannot be undone.", revoked: "The key was revoked.", onceTitle: "The new key", once: "It is shown only now. Copy it to a safe place.",
    roleHelp: { operator: "Everything, all tenants", tenant: "Everything within one tenant", publish: "Publish events, nothing else", read: "Look at everything, change nothing" } as Record<string, string>, create: "Make key",
  },
  credentials: {
    title: "Credentials", text: "Keys, secrets and tokens of the systems that work with them.", new: "New credential", create: "Make credential", newToken: "New token", tokenUntil: "Token good until",
    empty: "No credentials yet", emptyText: "Some systems know a receiver by a key. Give a name and a URL, and get a key, a secret and a token.", deleteText: "Its tokens are refused at once, and its endpoint goes with it. This cannot be undone.",
    needed: "An endpoint of this system is made by making a credential.",
  },
  portalLinks: {
    list: "Portal links", listText: "Links that can be opened now, and by which people may be in.", opened: "Opened", ends: "Ends", changes: "Look and change", empty: "No portal links now", emptyText: "A link lets people of this tenant in for some hours. When its time is over, it goes by itself.",
    revokeTitle: (name: string) => `End the link of ${name}?`, revokeText: "Whoever came by it is out at once, and it cannot be opened any more.", revoked: "The link was ended.",
    title: "Portal link", text: "Opens the pages of this tenant for its own people, without a key. Your product asks for one with the API and shows it in a page or an iframe.", create: "Make a link", language: "Language", accent: "Accent colour",
    browser: "The browser's", readOnly: "Look only", until: (t: string) => `Can be opened until ${t}.`, example: "The same with the API",
  },
  audit: {
    title: "Activity", text: "Who changed what.", who: "Who", what: "What", object: "On", empty: "No changes yet", emptyText: "Changes by people and programs appear here.",
    actions: {
      "tenant.created": "Made a tenant", "tenant.changed": "Changed a tenant", "tenant.deleted": "Deleted a tenant", "endpoint.created": "Made an endpoint", "endpoint.changed": "Changed an endpoint", "endpoint.resumed": "Resumed an endpoint", "endpoint.paused": "Paused an endpoint", "endpoint.disabled": "Disabled an endpoint", "endpoint.secret_changed": "Replaced a signing secret", "endpoint.deleted": "Deleted an endpoint", "credential.created": "Made a credential", "credential.changed": "Changed a credential", "credential.paused": "Paused a credential", "credential.resumed": "Resumed a credential", "credential.token_made": "Made a token", "credential.deleted": "Deleted a credential", "key.created": "Made an API key", "key.revoked": "Revoked an API key", "contract.posted": "Changed a webhook system", "contract.imported": "Took over a webhook system", "contract.changed": "Changed what a webhook system allows", "recovery.started": "Sent again what was missed", "delivery.retried": "Sent a delivery again", "portal_link.created": "Made a portal link", "portal_link.revoked": "Ended a portal link",
    } as Record<string, string>,
    gancho: "Gancho",
  },
  overview: {
    title: "Overview", hour: "Last hour", day: "Last 24 hours", week: "Last 7 days", period: "Period", delivered: "Delivered", failed: "Failed", retrying: "Failed attempts", waiting: "Waiting now", waitingMore: (n: string) => `more than ${n}`,
    success: "Success", latency: "Answer time", p95: "95 %", p99: "99 %", chart: "Deliveries over time", chartText: (ok: string, bad: string) => `${ok} delivered and ${bad} failed in this time.`,
    failing: "Endpoints in trouble", allWell: "All endpoints work.", empty: "Nothing was sent in this time", table: "Show as a table",
    ms: (n: string) => `${n} ms`, welcome: "Start here", step1: "Make an endpoint", step2: "Test it", step3: "Publish events from your product",
  },
};

export type Messages = typeof en;
export default en;
