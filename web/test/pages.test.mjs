// Every page, wide and narrow, light and dark: nothing in the way of a keyboard
// or a screen reader, nothing sticking out, and a picture of each.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  adminKey,
  choose,
  english,
  lookAt,
  open,
  overflow,
  screenshot,
  signedIn,
  startBrowser,
  startReceiver,
  startServer,
  stumbles,
  texts,
  until,
} from "./bed.mjs";

let server;
let receiver;
let browser;
let t;
const at = {};

before(async () => {
  [server, receiver, browser, t] = await Promise.all([startServer(), startReceiver(), startBrowser(), texts("es")]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme México" });
  await server.call("PUT", "/v1/tenants/globex", { name: "Globex" });
  const kobra = await server.call("GET", "/v1/contracts/kobra");
  const visits = await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Visitas de campo",
    contract: "kobra",
    url: `${receiver.url}/hooks`,
    settings: { api_key: "token" },
  });
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Facturación",
    url: `${receiver.url}/broken`,
    event_types: ["order.*"],
    retry: ["0s", "5m", "1h", "6h"],
  });
  const crm = await server.call("POST", "/v1/tenants/acme/endpoints", { name: "CRM", url: `${receiver.url}/hooks` });
  await server.call("POST", `/v1/tenants/acme/endpoints/${crm.id}/pause`);
  const events = [];
  for (let i = 0; i < 40; i++)
    events.push({ contract: "kobra", type: "visit.finished", payload: JSON.parse(kobra.events[0].example) });
  for (let i = 0; i < 12; i++) events.push({ type: "order.paid", payload: { order: 1000 + i, total: 249.9 } });
  const sent = await server.call("POST", "/v1/tenants/acme/events", events);
  await server.call("POST", "/v1/tenants/acme/credentials", {
    contract: "cabaprop",
    name: "Portal de avisos",
    url: `${receiver.url}/hooks`,
  });
  await server.call("POST", "/v1/tenants/acme/portal-links", { name: "Ana Gómez", expires_in: "1h" });
  await server.call("POST", "/v1/keys", {
    role: "publish",
    name: "checkout",
    expires_at: new Date(Date.now() + 90 * 86_400_000).toISOString(),
  });
  await server.call("PUT", "/v1/tenants/acme/records/kobra/visit/v-1", { visitID: "v-1", agentID: 7 });
  await server.call("PUT", "/v1/tenants/acme/records/prolibu/proposal/p-1", { id: "p-1", status: "Draft" });
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Métricas",
    contract: "prolibu",
    url: `${receiver.url}/hooks`,
    settings: { authorization: "Bearer token" },
  });
  await server.call("POST", "/v1/tenants/acme/schedules/prolibu/proposal_metrics/run");
  const deadline = Date.now() + 60_000;
  for (;;) {
    const retrying = await server.call("GET", "/v1/tenants/acme/deliveries?state=retrying&limit=1");
    const done = await server.call("GET", "/v1/tenants/acme/deliveries?state=delivered&limit=1");
    if (retrying.items.length > 0 && done.items.length > 0) {
      at.failing = retrying.items[0].id;
      break;
    }
    assert.ok(Date.now() < deadline, "the deliveries were not made");
    await new Promise((r) => setTimeout(r, 100));
  }
  at.endpoint = visits.id;
  at.crm = crm.id;
  at.event = sent.items.at(-1).id;
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

const pages = () => ({
  home: "/",
  overview: "/t/acme",
  tenants: "/tenants",
  endpoints: "/t/acme/endpoints",
  "endpoint-new": "/t/acme/endpoints/new",
  "endpoint-edit": `/t/acme/endpoints/${at.endpoint}/edit`,
  "endpoint-history": `/t/acme/endpoints/${at.endpoint}`,
  "endpoint-configuration": `/t/acme/endpoints/${at.endpoint}?tab=configuration`,
  "endpoint-transformation": `/t/acme/endpoints/${at.crm}?tab=transformation`,
  deliveries: "/t/acme/deliveries",
  delivery: `/t/acme/deliveries/${at.failing}`,
  events: "/t/acme/events",
  event: `/t/acme/events/${at.event}`,
  records: "/t/acme/records",
  record: "/t/acme/records/kobra/visit/v-1",
  schedules: "/t/acme/schedules",
  credentials: "/t/acme/credentials",
  "portal-links": "/t/acme/portal-links",
  people: "/t/acme/people",
  network: "/t/acme/network",
  encryption: "/encryption",
  contracts: "/contracts",
  contract: "/contracts/kobra",
  playground: "/contracts/kobra?tab=playground",
  versions: "/contracts/kobra?tab=versions",
  library: "/library",
  "contract-own": "/new-contract",
  "contract-new": "/library/github",
  keys: "/keys",
  audit: "/audit",
  nothing: "/no/such/page",
});

// Pages with the most colours have a picture in the dark, too.
const colourful = ["overview", "endpoints", "endpoint-new", "deliveries", "delivery", "playground"];

for (const look of [
  { name: "", width: 1440 },
  { name: "-narrow", width: 360, height: 780, language: "pt" },
]) {
  test(`all pages${look.name}`, async () => {
    const words = look.language ? await texts(look.language) : t;
    const { page, wrong, close } = await signedIn(browser, server, words, "/", look);
    for (const [name, path] of Object.entries(pages())) {
      await page.goto(server.url + path);
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
      if (name === "home" || name === "overview") await page.locator(".chart-bar").first().waitFor();
      await screenshot(page, name + look.name);
      assert.deepEqual(await stumbles(page), [], name);
      await lookAt(page, "dark");
      if (colourful.includes(name)) await screenshot(page, `${name}${look.name}-dark`);
      assert.deepEqual(await stumbles(page, ["color-contrast"]), [], `${name} in the dark`);
      await lookAt(page, "light");
      assert.deepEqual(await english(page), [], `${name} is not all in ${words.locale}`);
      assert.ok((await overflow(page)) <= 0, `${name} sticks out by ${await overflow(page)} pixels`);
    }
    assert.deepEqual(wrong, []);
    await close();
  });
}

test("the keyboard is enough", async () => {
  const { page, close } = await open(browser, { locale: "es-MX" });
  await page.goto(server.url);
  await page.locator("input:focus").waitFor(); // the field has the focus at once
  await page.keyboard.type(adminKey);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1 }).filter({ hasNotText: t.signIn.title }).waitFor();
  await page.goto(`${server.url}/t/acme/endpoints`);
  await page.getByText("Visitas de campo").first().waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), t.common.skip);
  const menu = page.getByRole("button", { name: t.endpoints.menu("Visitas de campo") }).first();
  await menu.focus();
  await page.keyboard.press("Enter");
  const history = page.getByRole("menuitem", { name: t.endpoints.history });
  await history.waitFor();
  // The menu takes the focus a moment after it is seen; a key that is pressed before that goes elsewhere.
  await page.waitForFunction(() => document.querySelector("[role=menu]")?.contains(document.activeElement));
  await until(async () => {
    if (await history.evaluate((el) => el === document.activeElement)) return true;
    await page.keyboard.press("ArrowDown");
    return false;
  });
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name: t.endpoints.history }).waitFor();
  await close();
});

test("a filter finds what failed, and the address remembers it", async () => {
  const { page, close } = await signedIn(browser, server, t, "/t/acme/deliveries?state=retrying");
  const rows = page.getByRole("listitem").filter({ has: page.getByRole("link") });
  await rows.nth(11).waitFor();
  assert.equal(await rows.count(), 12);
  await page.getByRole("button", { name: t.common.clear }).click();
  await page.waitForURL((u) => !u.search.includes("state"));
  await page.goto(`${server.url}/t/acme/deliveries?type=nothing.like.this`);
  await page.getByText(t.deliveries.emptyFilter).waitFor();
  await close();
});

test("a contract that is wrong says so at its line", async () => {
  const { page, close } = await signedIn(browser, server, t, "/contracts/kobra?tab=playground");
  await page.getByText("application/json").first().waitFor(); // the request that it makes
  const editor = page.getByRole("textbox", { name: t.contracts.source });
  await editor.click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("nonsense: true\n");
  await page.getByRole("button", { name: t.contracts.check }).click();
  await page
    .getByText(`${t.contracts.line(1)}:`)
    .first()
    .waitFor();
  await page.locator(".cm-lint-marker-error").first().waitFor();
  await close();
});

test("a check says what has a newer spelling", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/contracts/kobra?tab=playground");
  await page.getByRole("textbox", { name: t.contracts.source }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(
    `contract: older\ntitle: Older\nevents: {order.paid: {title: Paid, example: '{"id":1}'}}\nendpoint:\n` +
      `  settings: {properties: {token: {type: string, title: Token, secret: true}}}\n` +
      `  headers: {Authorization: 'Bearer \${settings.token}'}\n`,
  );
  await page.getByRole("button", { name: t.contracts.check }).click();
  const newer = page.getByRole("region", { name: t.changes.newer });
  await newer.getByText(`${t.contracts.line(6)}: `).waitFor();
  assert.match(await newer.getByRole("listitem").textContent(), /auth: \{bearer: /);
  assert.deepEqual(wrong, []);
  await close();
});

test("a new contract starts from one of the library, and is in force once it is stored", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/contracts");
  await page.getByRole("link", { name: t.library.title }).click();
  await page.getByRole("textbox", { name: t.library.search }).fill("github sha256");
  await page.getByRole("link", { name: "GitHub", exact: true }).click();
  const { source } = await server.call("GET", "/v1/library/github");
  await page.getByRole("textbox", { name: t.contracts.source }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(source.replace(/^contract: .*$/m, "contract: my-github"));
  await page.getByRole("button", { name: t.library.put }).click();
  await page.waitForURL("**/contracts/my-github");
  const stored = await server.call("GET", "/v1/contracts/my-github");
  assert.equal(stored.signing, true);
  assert.deepEqual(wrong, []);
  await close();
});

test("what breaks receivers is shown before a new version is in force, and is asked about", async () => {
  const source = (header, seconds) =>
    `contract: shop-news\ntitle: Shop\nevents:\n  order.paid: {title: Paid, example: '{"id":1}'}\n` +
    `endpoint:\n  headers: {${header}: a}\ndelivery:\n  timeout: ${seconds}s\n`;
  await server.call("POST", "/v1/contracts", { source: source("X-Shop", 5) });
  const { page, wrong, close } = await signedIn(browser, server, t, "/contracts/shop-news?tab=playground");
  const version = async () => (await server.call("GET", "/v1/contracts/shop-news")).version;
  const write = async (text) => {
    await page.getByRole("textbox", { name: t.contracts.source }).click();
    await page.keyboard.press("Control+A");
    await page.keyboard.insertText(text);
  };
  // What breaks stands before what does not.
  await write(source("X-Store", 6));
  await page.getByRole("button", { name: t.contracts.check }).click();
  const changes = page.getByRole("main").getByRole("region", { name: t.changes.title });
  await changes.getByText(t.changes.breaking).waitFor();
  const items = await changes.getByRole("listitem").allTextContents();
  assert.match(items[0], /X-Shop.*X-Store/);
  assert.match(items[1], /6s/);
  assert.deepEqual(await stumbles(page), []);
  // It is not in force before the question is answered.
  await page.getByRole("button", { name: t.library.put }).click();
  const question = page.getByRole("dialog");
  await question.getByText(/X-Store/).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await question.getByRole("button", { name: t.common.cancel }).click();
  await question.waitFor({ state: "detached" });
  assert.equal(await version(), 1);
  await page.getByRole("button", { name: t.library.put }).click();
  await question.getByRole("button", { name: t.changes.anyway }).click();
  await page.getByText(t.library.stored("shop-news")).waitFor();
  assert.equal(await version(), 2);
  // What breaks nobody needs no question.
  await write(source("X-Store", 9));
  await page.getByRole("button", { name: t.library.put }).click();
  await until(async () => (await version()) === 3);
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.deepEqual(wrong, []);
  await close();
});

test("a delivery shows the request that it shared, and the list shows what holds a queue", async () => {
  await server.call("PUT", "/v1/tenants/together", { name: "Together" });
  const contract = (name, rest) =>
    server.call("POST", "/v1/contracts", {
      source: `contract: ${name}\ntitle: Orders\nevents: {order.paid: {title: Paid}}\ndelivery: ${rest}\n`,
    });
  const publish = (name) =>
    server.call("POST", "/v1/tenants/together/events", { contract: name, type: "order.paid", payload: { n: 1 } });
  const endpoint = (name, at) =>
    server.call("POST", "/v1/tenants/together/endpoints", { contract: name, url: receiver.url + at });
  const deliveries = async (id) => (await server.call("GET", `/v1/tenants/together/deliveries?endpoint=${id}`)).items;
  await contract("in-one", "{batch: {max: 2, wait: 1m}}");
  await contract("in-order", "{ordered: strict, retry: [0s]}");
  const shared = await endpoint("in-one", "/hooks");
  const strict = await endpoint("in-order", "/broken");
  await Promise.all([publish("in-one"), publish("in-one"), publish("in-order")]);
  await until(async () => (await deliveries(shared.id)).filter((d) => d.state === "delivered").length === 2);
  await until(async () => (await deliveries(strict.id))[0]?.held);
  const [second] = await deliveries(shared.id);
  const { page, wrong, close } = await signedIn(browser, server, t, `/t/together/deliveries/${second.id}`);
  const place = (n) => page.getByText(t.delivery.togetherAs(n, 2));
  await place(1).or(place(2)).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await page.getByRole("link", { name: t.nav.deliveries, exact: true }).click();
  await page.getByRole("listitem").getByText(t.delivery.held).waitFor();
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();
});

test("the playground shows what an edited contract makes of a stored event", async () => {
  const kobra = await server.call("GET", "/v1/contracts/kobra");
  await server.call("POST", "/v1/tenants/globex/events", { type: "order.paid", id: "of-another-system", payload: 1 });
  await server.call("POST", "/v1/tenants/acme/events", {
    contract: "kobra",
    type: "visit.finished",
    id: "visit-of-today",
    payload: { ...JSON.parse(kobra.events[0].example), visitID: "V-4711" },
  });
  const { page, wrong, close } = await signedIn(browser, server, t, "/contracts/kobra?tab=playground");
  const event = page.getByRole("combobox", { name: t.deliveries.event });
  const tenant = page.getByRole("main").getByRole("combobox", { name: t.nav.tenant });
  const body = page.getByRole("region", { name: t.delivery.body });
  await body.waitFor(); // of the example
  await choose(page, tenant, "Acme México");
  await event.click();
  await page.getByRole("option", { name: /, / }).first().click(); // the latest
  await body.getByText('"V-4711"').waitFor();
  await event.fill("visit-of-today"); // by the id that the caller gave it
  await page.getByRole("option", { name: "visit-of-today" }).click();
  await body.getByText('"V-4711"').waitFor();
  assert.deepEqual(await stumbles(page), []);

  // Nothing is saved, and it is shown as the text in the editor says.
  const editor = page.getByRole("textbox", { name: t.contracts.source });
  const source = (await server.call("GET", "/v1/contracts/kobra")).source;
  const write = async (text) => {
    await editor.click();
    await page.keyboard.press("Control+A");
    await page.keyboard.insertText(text);
  };
  await write(source.replace(/^endpoint:\n/m, "endpoint:\n  user_agent: Edited/1\n"));
  await page.getByRole("region", { name: t.delivery.headers }).getByText("Edited/1").waitFor();
  await body.getByText('"V-4711"').waitFor();
  await write(source.replaceAll("visit.finished", "visit.closed"));
  await page.getByText(t.contracts.noType).waitFor();
  await choose(page, tenant, "Globex");
  await event.fill("of-another-system");
  await page.getByRole("option", { name: "of-another-system" }).click();
  await page.getByRole("alert").filter({ hasText: t.problem.codes.other_contract }).waitFor();
  await event.fill("visit-of-today"); // which is another tenant's
  await page.getByRole("option", { name: "visit-of-today" }).click();
  await page.getByRole("alert").filter({ hasText: t.problem.codes.event_not_found }).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});
