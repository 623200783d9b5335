// Forms follow the contract: they ask what it asks, as often as it asks, and say in the person's language what is wrong
// and where.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  choose,
  overflow,
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
let es;
let pt;

before(async () => {
  [server, receiver, browser, es, pt] = await Promise.all([
    startServer(),
    startReceiver(),
    startBrowser(),
    texts("es"),
    texts("pt"),
  ]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

const endpoints = async () => (await server.call("GET", "/v1/tenants/acme/endpoints")).items;
const field = (page, name) => page.getByRole("textbox", { name, exact: true });
const list = (page, name) => page.getByRole("combobox", { name, exact: true });

/** What a screen reader says of a field that is wrong. */
const mistake = async (locator) => {
  await until(async () => (await locator.getAttribute("aria-invalid")) === "true");
  const ids = (await locator.getAttribute("aria-describedby")).split(" ").filter(Boolean);
  return (await Promise.all(ids.map((id) => locator.page().locator(`[id="${id}"]`).textContent()))).join(" ");
};

/** What the five shipped systems call an endpoint. */
const webhook = { one: "webhook", many: "webhooks", gender: "masculine" };

/** No JSON Pointer and no English sentence of the server is on the page. */
async function inWords(page) {
  const text = await page.locator("body").textContent();
  assert.doesNotMatch(
    text,
    /\/(settings|url|event_types|name)\b(?!\/webhook)|This is required|This cannot be|exactly 1/,
  );
}

for (const width of [1440, 360])
  test(`Upnify's form in Portuguese asks for one event, at ${width} px`, async () => {
    const { page, wrong, close } = await signedIn(browser, server, pt, "/t/acme/endpoints/new", { width });
    const upnify = await texts("pt", webhook);
    // Several systems are in sight, so the page has our word; with one that names it, the name of that one.
    await page.getByRole("heading", { level: 1, name: "Novo destino", exact: true }).waitFor();
    await choose(page, list(page, pt.form.contract), /Upnify/);
    await page.getByRole("heading", { level: 1, name: "Novo webhook", exact: true }).waitFor();
    const event = list(page, pt.form.eventType);
    await event.waitFor();
    await page.getByRole("button", { name: pt.form.addPair }).click();
    assert.equal(await page.getByText(pt.form.eventTypesHelp).count(), 0, "it is not said that nothing means all");
    await page.getByRole("button", { name: upnify.form.create }).click();
    assert.match(await mistake(field(page, pt.form.url)), /endereço que recebe o webhook/);
    assert.match(await mistake(event), /exatamente 1/);
    for (const name of ["Chave 1", "Valor 1"])
      assert.ok((await mistake(page.getByLabel(name, { exact: true }))).includes(pt.problem.details.required), name);
    await inWords(page);
    assert.deepEqual(await stumbles(page), []);
    assert.ok((await overflow(page)) <= 0, "nothing sticks out");

    await event.click();
    const options = page.getByRole("option");
    await page.getByRole("group").getByText("Prospecto", { exact: true }).waitFor(); // a heading
    assert.equal(await options.count(), 30);
    await event.fill("brochura"); // as Upnify's own document calls it
    await until(async () => (await options.count()) === 1);
    await event.fill("cotacao"); // a heading, without its accents
    await until(async () => (await options.count()) === 1);
    await options.click();
    await event.fill("cliente.archivado"); // a second choice takes the place of the first
    await until(async () => (await options.count()) === 1);
    await options.click();
    await field(page, pt.form.name).fill(`CRM ${width}`);
    await field(page, pt.form.url).fill(`${receiver.url}/hooks`);
    await page.getByLabel("Chave 1", { exact: true }).fill("X-Token");
    await page.getByLabel("Valor 1", { exact: true }).fill("segredo-do-cliente");
    await page.getByRole("button", { name: pt.form.addPair }).click();
    await page.getByLabel("Chave 2", { exact: true }).fill("origem");
    await page.getByLabel("Valor 2", { exact: true }).fill("upnify");
    await choose(page, list(page, "Lugar 2"), "query");
    await page.getByRole("button", { name: upnify.form.create }).click();
    await page.waitForURL(/tab=test/);
    const made = (await endpoints()).find((e) => e.name === `CRM ${width}`);
    assert.deepEqual(made.event_types, ["cliente.archivado"]);

    // What is stored is shown as a list: names and masks, no JSON.
    await page.goto(`${server.url}/t/acme/endpoints/${made.id}?tab=configuration`);
    const pairs = page.getByRole("table");
    await pairs.getByRole("row", { name: /X-Token \*{8}/ }).waitFor();
    await pairs.getByRole("row", { name: /origem \*{8} query/ }).waitFor();
    assert.doesNotMatch(await page.locator("main").textContent(), /[{[]"|segredo-do-cliente/);
    assert.deepEqual(await stumbles(page), []);
    assert.ok((await overflow(page)) <= 0, "nothing sticks out");
    assert.deepEqual(wrong, []);
    await close();
  });

for (const width of [1440, 360])
  test(`CABAPROP's form is a name and a URL, and makes the credential, at ${width} px`, async () => {
    const { page, wrong, close } = await signedIn(browser, server, es, "/t/acme/endpoints/new", { width });
    const cabaprop = await texts("es", webhook);
    await choose(page, list(page, es.form.contract), /CABAPROP/);
    await page.getByRole("heading", { level: 1, name: "Nuevo webhook", exact: true }).waitFor();
    await page.getByText(cabaprop.credentials.needed).waitFor();
    const asked = await page.locator("form").getByRole("textbox").all();
    assert.equal(asked.length, 2, "a name and a URL");
    await page.getByRole("button", { name: cabaprop.form.create }).click();
    assert.ok((await mistake(field(page, es.form.name))).includes(es.problem.details.name_required));
    assert.ok((await mistake(field(page, es.form.url))).includes(es.problem.details.url_required));
    await inWords(page);
    await field(page, es.form.name).fill(`Avisos ${width}`);
    await field(page, es.form.url).fill(`${receiver.url}/hooks`);
    await page.getByRole("button", { name: cabaprop.form.create }).click();
    await page.getByText(es.keys.once).waitFor();
    await page.getByText("apiKey", { exact: true }).waitFor();
    assert.deepEqual(await stumbles(page), []);
    await page.getByRole("button", { name: cabaprop.form.goTest }).click();
    await page.waitForURL(/tab=test/);
    assert.ok((await endpoints()).some((e) => e.name === `Avisos ${width}` && e.credential));
    assert.deepEqual(wrong, []);
    await close();
  });

test("what a contract does not allow is not asked for, and headings are there for Prolibu's 71 events", async () => {
  const { page, wrong, close } = await signedIn(browser, server, es, "/t/acme/endpoints/new");
  await choose(page, list(page, es.form.contract), /Prolibu/);
  await page.getByText(es.form.eventTypesAll(71)).waitFor();
  await list(page, es.form.eventTypes).click();
  for (const heading of ["Factura", "Lead", "Usuario"])
    await page.getByRole("group").getByText(heading, { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await list(page, es.form.method).count(), 0, "there is only POST");
  await page.getByRole("button", { name: es.form.advanced }).click();
  await page.getByLabel(es.form.timeout).waitFor();
  for (const name of [es.form.filter, es.form.transformation, es.auth.title])
    assert.equal(await page.getByLabel(name, { exact: true }).count(), 0, name);
  await choose(page, list(page, es.form.contract), /estándar/);
  await list(page, es.form.method).waitFor();
  await page.getByLabel(es.form.filter, { exact: true }).fill("tpye == 1");
  await field(page, es.form.url).fill(`${receiver.url}/hooks`);
  await page.getByRole("button", { name: es.form.create }).click();
  assert.match(await mistake(page.getByLabel(es.form.filter, { exact: true })), /Aquí no existe tpye/);
  assert.deepEqual(wrong, []);
  await close();
});

test("a dialog says what is wrong in the language of the page, not in the browser's", async () => {
  const { page, wrong, close } = await signedIn(browser, server, es, "/t/acme/credentials");
  await page.getByRole("button", { name: es.credentials.new }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: es.credentials.create }).click();
  assert.ok((await mistake(field(dialog, es.common.name))).includes(es.problem.details.name_required));
  assert.ok((await mistake(field(dialog, es.form.url))).includes(es.problem.details.url_required));
  await inWords(page);
  assert.deepEqual(wrong, []);
  await close();
});

test("a tenant without an id, and an event without a type, are told so in Spanish", async () => {
  const { page, wrong, close } = await signedIn(browser, server, es, "/tenants");
  await page.getByRole("button", { name: es.tenants.new }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: es.common.save }).click();
  const id = field(dialog, es.tenants.id);
  assert.ok((await mistake(id)).includes(es.problem.details.required));
  await until(() => id.evaluate((x) => x === document.activeElement)); // one can type on
  await page.goto(`${server.url}/t/acme/events`);
  await page.getByRole("button", { name: es.events.send }).first().click();
  await dialog.getByRole("button", { name: es.events.send }).click();
  await dialog.getByText(`${es.problem.places.type}: `).waitFor();
  await inWords(page);
  assert.deepEqual(wrong, []);
  await close();
});

test("the activity names what was changed in words", async () => {
  const [e] = await endpoints();
  await server.call("PATCH", `/v1/tenants/acme/endpoints/${e.id}`, { timeout_ms: 9000 });
  const { page, close } = await signedIn(browser, server, pt, "/audit");
  await page.getByText(pt.problem.places.timeout_ms, { exact: true }).first().waitFor();
  assert.equal(await page.getByText("timeout_ms").count(), 0);
  await close();
});
