// Personal data, hosts, encryption, and what the operator is told about the server.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import {
  choose,
  open,
  overflow,
  patience,
  screenshot,
  signedIn,
  startBrowser,
  startReceiver,
  startServer,
  stumbles,
  texts,
  until,
} from "./bed.mjs";

const contract = `
contract: people
title: {en: People, es: Personas, pt: Pessoas}
records:
  person: {title: {en: Person, es: Persona, pt: Pessoa}, key: id, schema: {type: object, required: [id]}}
events:
  person.changed: {title: {en: Person changed, es: Cambió una persona, pt: Pessoa mudou}, on: person, when: "new != null"}
  "*": {title: {en: Any}}
endpoint:
  body: {who: "\${payload.contact.email}"}
sensitive: [contact.email, who, "items.*.phone"]
`;

let server;
let receiver;
let browser;
let es;
let pt;
let en;

before(async () => {
  [server, receiver, browser, es, pt, en] = await Promise.all([
    startServer("--sender-addresses", "203.0.113.7,2001:db8:20::/48", "--disk-low", "1000000GiB"),
    startReceiver(),
    startBrowser(),
    texts("es"),
    texts("pt"),
    texts("en"),
  ]);
  await server.call("POST", "/v1/contracts", { source: contract });
  for (const tenant of ["acme", "other"]) {
    await server.call("PUT", `/v1/tenants/${tenant}`, { name: `The ${tenant} company` });
    await server.call("PUT", `/v1/tenants/${tenant}/records/people/person/7`, { id: "7", contact: { email: "x@y.z" } });
  }
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

const seen = async (action) =>
  (await server.call("GET", "/v1/audit?limit=200")).items.filter((a) => a.action === action).map((a) => a.object);

/** A window of somebody who came by a portal link. */
async function portal(t, tenant, more, look) {
  const link = await server.call("POST", `/v1/tenants/${tenant}/portal-links`, { lang: t.code, ...more });
  const window = await open(browser, { locale: t.locale, ...look });
  await window.page.goto(link.url);
  await window.page.getByRole("heading", { level: 1 }).first().waitFor();
  return window;
}

/** A window of somebody of a tenant who has signed in to the console with its key. */
async function tenantWindow(t, tenant, look) {
  const { key } = await server.call("POST", "/v1/keys", { role: "tenant", tenant });
  const window = await open(browser, { locale: t.locale, ...look });
  await window.page.goto(server.url);
  await window.page.getByLabel(t.signIn.key, { exact: true }).fill(key);
  await window.page.getByRole("button", { name: t.signIn.submit }).click();
  await window.page.getByRole("heading", { level: 1, name: t.overview.title }).waitFor();
  return window;
}

test("a person's data is found, opened and shown, and the activity knows who looked", async () => {
  const t = es;
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "CRM",
    contract: "people",
    url: `${receiver.url}/hooks`,
  });
  const person = { id: "1", contact: { email: "ana@example.com" } };
  await server.call("PUT", "/v1/tenants/acme/records/people/person/1", person);
  await receiver.wait((r) => r.body.includes("ana@example.com"));
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/people");
  await choose(page, page.getByRole("combobox", { name: t.people.path }), "contact.email");
  const value = page.getByRole("textbox", { name: t.people.value });
  await value.fill("ana@example.com");
  await page.getByRole("button", { name: t.people.search, exact: true }).click();
  await page.getByText(t.people.found("2", 2)).waitFor(); // the body has it at another path
  await page.getByRole("combobox", { name: t.people.path }).fill("who");
  await page.getByRole("button", { name: t.people.search, exact: true }).click();
  const sent = page.getByRole("row").filter({ hasText: t.people.kinds.delivery });
  await sent.waitFor();
  await page.getByRole("combobox", { name: t.people.path }).fill("**.email");
  await page.getByRole("button", { name: t.people.search, exact: true }).click();
  await page.getByText(t.people.found("2", 2)).waitFor();
  await page.getByText(t.people.end).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "people-found");
  assert.ok(!page.url().includes("ana"), "the address has the value");

  // The event: masked, until somebody says that they want to see it.
  await page.getByRole("row").filter({ hasText: t.people.kinds.event }).getByRole("link").click();
  const payload = page.getByRole("region", { name: t.events.payload });
  await payload.getByText('"********"').waitFor();
  await page.getByRole("button", { name: t.people.reveal }).click();
  await page.getByText(t.people.revealText).waitFor();
  assert.deepEqual(await seen("personal.revealed"), []);
  await page.getByRole("dialog").getByRole("button", { name: t.people.reveal }).click();
  await payload.getByText('"ana@example.com"').waitFor();
  await page.getByText(t.people.revealed).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "event-revealed");
  assert.equal((await seen("personal.revealed")).length, 1);
  await page.getByRole("button", { name: t.people.hide }).click();
  await payload.getByText('"********"').waitFor();
  await page.goBack(); // what was found is still there
  await page.getByText(t.people.found("2", 2)).waitFor();

  // The record: a masked one cannot be written back as a whole.
  await page.getByRole("row").filter({ hasText: t.people.kinds.record }).getByRole("link").click();
  const document = page.getByRole("region", { name: t.records.document });
  await document.getByText('"********"').waitFor();
  await page.getByRole("button", { name: t.common.edit }).click();
  await page.getByText(t.people.maskedRecord).waitFor();
  assert.equal(await page.getByText(t.records.put, { exact: true }).count(), 0);
  await page.getByRole("textbox", { name: t.records.document }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText('{"note":"a"}');
  await page.getByRole("button", { name: t.records.save }).click();
  await page.getByText(t.records.saved).waitFor();
  await page.getByRole("button", { name: t.people.reveal }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.people.reveal }).click();
  await document.getByText('"ana@example.com"').waitFor();
  await page.getByRole("button", { name: t.common.edit }).click();
  await page.getByText(t.records.put, { exact: true }).waitFor();

  // The delivery: the body that was sent.
  const { items } = await server.call("GET", "/v1/tenants/acme/deliveries");
  await page.goto(`${server.url}/t/acme/deliveries/${items.at(-1).id}`);
  const body = page.getByRole("region", { name: t.delivery.body }).first();
  await body.getByText('"********"').waitFor();
  await page.getByRole("button", { name: t.people.reveal }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.people.reveal }).click();
  await body.getByText('"ana@example.com"').waitFor();
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual([...new Set(await seen("personal.searched"))].sort(), ["**.email", "contact.email", "who"]);
  assert.deepEqual(wrong, []);
  await close();
});

test("a search goes on over many pages, and says what is wrong with a path", async () => {
  const t = en;
  const event = (email) => ({ contract: "people", type: "seen", payload: { contact: { email } } });
  await server.call("POST", "/v1/tenants/other/events", event("rare@example.com"));
  for (const n of [1000, 1000, 150])
    await server.call("POST", "/v1/tenants/other/events", Array(n).fill(event("many@example.com")));
  // Somebody of the tenant, with a telephone.
  const { page, wrong, close } = await tenantWindow(t, "other", { width: 360, height: 780 });
  await page.getByRole("button", { name: t.common.menu }).click();
  await page.getByRole("link", { name: t.people.title }).click();
  const path = page.getByRole("combobox", { name: t.people.path });
  const value = page.getByRole("textbox", { name: t.people.value });
  const search = page.getByRole("button", { name: t.people.search, exact: true });
  await path.fill("contact..email");
  await value.fill("rare@example.com");
  await search.click();
  await page.getByText(/This is not a path/).waitFor();
  await path.fill("contact.email");
  await search.click();
  await page.getByText(t.people.found("1", 1)).waitFor(); // it is the last of more than 2,000
  await page.getByText(t.people.end).waitFor();
  assert.ok((await overflow(page)) <= 0);
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "people-found-narrow");
  await value.fill("many@example.com");
  await search.click();
  const rows = page.getByRole("row").filter({ has: page.getByRole("link") });
  await rows.nth(99).waitFor();
  assert.equal(await rows.count(), 100);
  await page.getByRole("button", { name: t.common.more }).click();
  await rows.nth(199).waitFor();
  await value.fill("nobody@example.com");
  await search.click();
  await page.getByText(t.people.none).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a person is erased by the operator: what waits is left alone and named, the rest is found no more", async () => {
  const t = es;
  await server.call("PUT", "/v1/tenants/forgets", { name: "Forgets" });
  const endpoint = (state) =>
    server.call("POST", "/v1/tenants/forgets/endpoints", { contract: "people", url: `${receiver.url}/hooks`, state });
  await endpoint("active");
  const person = { id: "1", contact: { email: "leo@example.com" } };
  await server.call("PUT", "/v1/tenants/forgets/records/people/person/1", person);
  await receiver.wait((r) => r.body.includes("leo@example.com"));
  await until(async () => {
    const { items } = await server.call("GET", "/v1/tenants/forgets/deliveries");
    return items.length === 1 && items[0].state === "delivered";
  });
  const paused = await endpoint("paused");
  const event = { contract: "people", type: "seen", payload: { contact: { email: "leo@example.com" } } };
  const waits = await server.call("POST", "/v1/tenants/forgets/events", event);

  const { page, wrong, close } = await signedIn(browser, server, t, "/t/forgets/people");
  await page.getByRole("combobox", { name: t.people.path }).fill("**.email");
  await page.getByRole("textbox", { name: t.people.value }).fill("leo@example.com");
  await page.getByRole("button", { name: t.people.search, exact: true }).click();
  await page.getByText(t.people.found("3", 3)).waitFor();
  // The content of the event is read, and must not be shown from memory later.
  const erasedEvent = page.getByRole("row").filter({ hasText: t.people.kinds.event }).filter({ hasText: "Cambió" });
  await erasedEvent.getByRole("link").click();
  await page.getByRole("region", { name: t.events.payload }).getByText('"********"').waitFor();
  const at = page.url();
  await page.goBack();

  const erase = page.getByRole("button", { name: t.erasePerson.verb });
  await erase.click();
  const dialog = page.getByRole("dialog");
  for (const text of ["**.email = leo@example.com", t.erasePerson.text, ...t.erasePerson.happens])
    await dialog.getByText(text, { exact: true }).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "erase-person");
  await dialog.getByRole("button", { name: t.common.cancel }).click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(await seen("personal.erased"), []);
  await erase.click();
  await dialog.getByRole("button", { name: t.erasePerson.verb }).click();
  await page.getByText(`${t.erasePerson.counts.records}: 1 · ${t.erasePerson.counts.events}: 1`).waitFor();
  await page.getByText(t.erasePerson.waiting("1")).waitFor();
  await page.getByRole("link", { name: waits.id }).waitFor();
  await page.getByText(t.people.found("1", 1)).waitFor(); // what waits
  await page.getByText(t.people.end).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "erased-person");
  assert.deepEqual(await seen("personal.erased"), ["**.email"]);

  // It must not be sent any more: without its endpoint nothing waits.
  await server.call("DELETE", `/v1/tenants/forgets/endpoints/${paused.id}`);
  await until(async () => {
    const { items } = await server.call("GET", "/v1/tenants/forgets/deliveries");
    return items.every((d) => ["delivered", "cancelled"].includes(d.state));
  });
  await erase.click();
  await dialog.getByRole("button", { name: t.erasePerson.verb }).click();
  await page.getByText(t.people.none).waitFor();
  assert.equal(await page.getByRole("link", { name: waits.id }).count(), 0);
  await page.evaluate((to) => history.pushState(null, "", to) ?? dispatchEvent(new PopStateEvent("popstate")), at);
  await page.getByText(t.events.erased).waitFor();
  await page.getByRole("region", { name: t.events.payload }).filter({ hasText: "Erased at " }).waitFor();
  assert.equal(await page.getByRole("button", { name: t.people.reveal }).count(), 0);
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();

  const guest = await tenantWindow(t, "forgets");
  await guest.page.getByRole("link", { name: t.people.title }).click();
  await server.call("PUT", "/v1/tenants/forgets/records/people/person/1", person);
  await guest.page.getByRole("combobox", { name: t.people.path }).fill("contact.email");
  await guest.page.getByRole("textbox", { name: t.people.value }).fill("leo@example.com");
  await guest.page.getByRole("button", { name: t.people.search, exact: true }).click();
  await guest.page.getByText(t.people.end).waitFor();
  assert.equal(await guest.page.getByRole("button", { name: t.erasePerson.verb }).count(), 0);
  await guest.close();
});

test("the operator says where webhooks may go; the tenant reads it, and where they come from", async () => {
  const t = pt;
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/network");
  const allow = page.getByRole("combobox", { name: t.network.allow });
  await page.getByText("2001:db8:20::/48").waitFor();
  await allow.fill("*.example.com");
  await allow.press("Enter");
  const deny = page.getByRole("combobox", { name: t.network.deny });
  await deny.fill("https://example.com/x");
  await deny.press("Enter");
  await page.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.problem.details.egress_entry.replace("{entry}", "https://example.com/x")).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await deny.press("Backspace");
  await deny.fill("bad.example.com");
  await page.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.network.saved).waitFor();
  await screenshot(page, "network-lists");
  assert.deepEqual((await server.call("GET", "/v1/tenants/acme")).egress, {
    allow: ["*.example.com"],
    deny: ["bad.example.com"],
  });
  assert.deepEqual(wrong, []);
  await close();

  const visitor = await portal(t, "acme", { pages: ["endpoints", "network"] }, { width: 360, height: 780 });
  await visitor.page.getByRole("button", { name: t.common.menu }).click();
  await visitor.page.getByRole("link", { name: t.network.title, exact: true }).click();
  for (const text of ["*.example.com", "bad.example.com", "203.0.113.7", "2001:db8:20::/48"])
    await visitor.page.getByText(text, { exact: true }).waitFor();
  assert.equal(await visitor.page.getByRole("button", { name: t.common.save }).count(), 0);
  assert.equal(await visitor.page.getByText("--sender-addresses").count(), 0);
  assert.deepEqual(await stumbles(visitor.page), []);
  assert.ok((await overflow(visitor.page)) <= 0);
  await screenshot(visitor.page, "network-portal");
  assert.deepEqual(visitor.wrong, []);
  await visitor.close();
});

test("the encryption key is replaced", async () => {
  const t = en;
  const [first] = (await server.call("GET", "/v1/encryption-keys")).keys;
  const { page, wrong, close } = await signedIn(browser, server, t, "/encryption");
  const row = (id) => page.getByRole("row").filter({ hasText: id });
  await row(first.id).getByText(t.encryption.states.active).waitFor();
  await page.getByRole("button", { name: t.encryption.rotate }).click();
  await page.getByText(t.encryption.rotateText).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await page.getByRole("dialog").getByRole("button", { name: t.encryption.rotate }).click();
  await page.getByRole("heading", { name: t.encryption.rotating }).waitFor();
  await screenshot(page, "encryption-rotating");
  await row(first.id).getByText(t.encryption.states.retired).waitFor();
  await page.getByRole("heading", { name: t.encryption.rotating }).waitFor({ state: "detached" });
  const active = (await server.call("GET", "/v1/encryption-keys")).keys.find((k) => k.state === "active");
  assert.notEqual(active.id, first.id);
  await row(active.id).getByText(t.encryption.states.active).waitFor();
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();
});

/** Changes a byte of each payload and document that is stored encrypted, as a bad disk would. */
function damage(data) {
  const file = path.join(data, "gancho.db");
  const bytes = readFileSync(file);
  const mark = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x08]); // store/payload.go
  let n = 0;
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1), n++) bytes[at + 24] ^= 1;
  writeFileSync(file, bytes);
  assert.ok(n >= 2, "nothing is stored encrypted");
}

test("what cannot be decrypted any more is explained where one looks for it", async () => {
  const t = pt;
  const data = mkdtempSync(path.join(os.tmpdir(), "gancho-damaged-"));
  let own = await startServer("--data", data);
  try {
    await own.call("POST", "/v1/contracts", { source: contract });
    await own.call("PUT", "/v1/tenants/acme", { name: "Acme", seal_payloads: true });
    await own.call("PUT", "/v1/tenants/acme/records/people/person/1", { id: "1", note: "a" });
    const event = await own.call("POST", "/v1/tenants/acme/events", { contract: "people", type: "seen", payload: {} });
    await own.stop();
    damage(data);
    own = await startServer("--data", data);
    const { page, wrong, close } = await signedIn(browser, own, t, `/t/acme/events/${event.id}`);
    await page.getByText(t.events.unreadable).waitFor();
    await page.getByText(t.events.unreadableText).waitFor();
    assert.deepEqual(await stumbles(page), []);
    await screenshot(page, "event-unreadable");
    await page.goto(`${own.url}/t/acme/records/people/person/1`);
    await page.getByText(t.records.unreadable).waitFor();
    await page.getByText(t.records.unreadableText).waitFor();
    assert.deepEqual(await stumbles(page), []);
    await screenshot(page, "record-unreadable");
    await page.getByRole("button", { name: t.common.delete }).click();
    await page.getByRole("dialog").getByText(t.records.deleteSilent).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: t.common.delete }).click();
    await page.getByText(t.records.deleted(0)).waitFor();
    await page.goto(`${own.url}/t/acme/records/people/person/1`);
    await page.getByText(t.records.missing).waitFor();
    // Replacing the key finds the event, and what else is damaged.
    await page.goto(`${own.url}/encryption`);
    await page.getByRole("button", { name: t.encryption.rotate }).click();
    await page.getByRole("dialog").getByRole("button", { name: t.encryption.rotate }).click();
    await page.getByText(t.encryption.damagedText).waitFor();
    const { damaged } = (await own.call("GET", "/v1/encryption-keys")).keys.find((k) => k.state === "retired");
    await page.getByText(t.encryption.damaged(String(damaged))).waitFor();
    assert.deepEqual(await stumbles(page), []);
    await screenshot(page, "encryption-damaged");
    assert.deepEqual(wrong, []);
    await close();
  } finally {
    await own.stop();
    rmSync(data, { recursive: true, force: true });
  }
});

test("the page of keys says with whom a key shares its limits", async () => {
  const t = es;
  const { page, wrong, close } = await signedIn(browser, server, t, "/keys");
  await page.getByText(t.keys.shared, { exact: true }).waitFor();
  await page.getByRole("button", { name: t.keys.new }).first().click();
  await page.getByRole("dialog").getByText(t.keys.shared).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("what is wrong with the server is told to the operator on every page, and to nobody else", async () => {
  const t = es;
  const { page, close } = await signedIn(browser, server, t, "/contracts", { width: 360, height: 780 });
  const low = page.getByText(t.system.diskLowText);
  for (const at of ["/contracts", "/t/acme/endpoints", "/keys"]) {
    await page.goto(server.url + at);
    await low.waitFor();
  }
  // No file of the server can grow any more, as on a full disk.
  const limit = (size) => execFileSync("prlimit", ["--pid", String(server.pid), `--fsize=${size}:`]);
  const alert = page.getByRole("alert").filter({ hasText: t.system.notReady });
  limit(1);
  try {
    await page.reload();
    await alert.getByText(t.problem.details.database_not_writable).waitFor();
    await alert.getByText(t.system.todo.database_not_writable).waitFor();
    assert.deepEqual(await stumbles(page), []);
    assert.ok((await overflow(page)) <= 0);
    await screenshot(page, "not-ready-narrow");
  } finally {
    limit("unlimited");
  }
  await alert.waitFor({ state: "detached" }); // by itself
  await close();

  const key = await server.call("POST", "/v1/keys", { role: "tenant", tenant: "acme" });
  const visitor = await open(browser, { locale: t.locale });
  await visitor.page.goto(server.url);
  await visitor.page.getByLabel(t.signIn.key, { exact: true }).fill(key.key);
  await visitor.page.getByRole("button", { name: t.signIn.submit }).click();
  const guest = await portal(t, "acme", { read_only: true, pages: ["endpoints", "network"] });
  for (const { page } of [visitor, guest]) {
    const asked = [];
    page.on("request", (r) => asked.push(new URL(r.url()).pathname));
    await page.getByRole("link", { name: t.network.title, exact: true }).click();
    await page.getByText("203.0.113.7").waitFor();
    for (const name of [t.encryption.title, t.nav.keys, t.nav.tenants, t.nav.audit])
      assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0, name);
    assert.equal(await page.getByText(t.system.diskLowText).count(), 0);
    assert.ok(!asked.includes("/v1/system"), "the page asks for what it may not see");
  }
  assert.equal(await visitor.page.getByRole("link", { name: t.people.title }).count(), 1);
  assert.equal(await guest.page.getByRole("link", { name: t.people.title }).count(), 0); // it may only look
  await visitor.page.goto(`${server.url}/encryption`); // nor is it shown to who knows the address
  await visitor.page.getByText(t.problem.codes.forbidden).waitFor();
  await visitor.close();
  await guest.close();
});

test("a tenant moves: exported with a passphrase, erased, and imported again", async () => {
  const t = en;
  await server.call("PUT", "/v1/tenants/mover", { name: "Mover" });
  await server.call("POST", "/v1/tenants/mover/events", { type: "a.b", id: "first", payload: { total: 1 } });
  const { page, wrong, close } = await signedIn(browser, server, t, "/tenants");
  await page.getByRole("button", { name: t.endpoints.menu("Mover") }).click();
  await page.getByRole("menuitem", { name: t.move.export }).click();
  const dialog = page.getByRole("dialog");
  const passphrase = dialog.getByRole("textbox", { name: t.move.passphrase });
  await passphrase.fill("contraseña muy larga"); // no header can carry it
  await dialog.getByRole("button", { name: t.move.export }).click();
  await dialog.getByText(t.move.passphraseWrong).waitFor();
  await passphrase.fill("correct horse battery");
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "export");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("button", { name: t.move.export }).click(),
  ]);
  assert.equal(file.suggestedFilename(), "mover.age");
  await dialog.getByText(t.move.exported("mover.age")).waitFor();
  await dialog.getByRole("button", { name: t.common.close }).last().click();
  await server.call("POST", "/v1/tenants/mover/erase");

  await page.getByRole("button", { name: t.move.import }).click();
  await dialog.locator("input[type=file]").setInputFiles(await file.path());
  await passphrase.fill("another passphrase");
  await dialog.getByRole("button", { name: t.move.import }).click();
  await dialog.getByRole("alert").waitFor(); // it is the wrong one
  assert.deepEqual(await stumbles(page), []);
  await passphrase.fill("correct horse battery");
  await dialog.getByRole("button", { name: t.move.import }).click();
  await dialog.getByText(/mover was imported/).waitFor();
  await screenshot(page, "imported");
  await dialog.getByRole("link", { name: t.move.open }).click();
  await page.getByRole("link", { name: t.nav.events }).click();
  await page.getByText("a.b").first().waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a tenant is erased by who types its id, and the report is shown", async () => {
  const t = pt;
  await server.call("PUT", "/v1/tenants/leaving", { name: "Quem sai" });
  await server.call("POST", "/v1/tenants/leaving/events", { type: "a.b", payload: { secret: 1 } });
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/leaving/events");
  await page.getByText("a.b").first().waitFor();
  await page.goto(`${server.url}/tenants`);
  await page.getByRole("button", { name: t.endpoints.menu("Quem sai") }).click();
  await page.getByRole("menuitem", { name: t.erase.verb }).click();
  const dialog = page.getByRole("dialog");
  const erase = dialog.getByRole("button", { name: t.erase.verb });
  const typed = dialog.getByRole("textbox", { name: t.erase.type("leaving") });
  await typed.fill("Quem sai");
  assert.ok(await erase.isDisabled());
  await typed.fill("leaving");
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "erase");
  await erase.click();
  await dialog.getByText(t.erase.doneText).waitFor({ timeout: patience });
  await dialog.getByRole("row").filter({ hasText: "events" }).first().waitFor();
  const [entry] = (await server.call("GET", "/v1/audit?limit=5")).items.filter((a) => a.action === "tenant.erased");
  assert.equal(entry.object, "leaving");
  await screenshot(page, "erased");
  assert.equal(await page.getByRole("link", { name: t.people.title, includeHidden: true }).count(), 0);
  await dialog.getByRole("button", { name: t.common.close }).last().click();
  await page.getByRole("link", { name: "Quem sai" }).waitFor({ state: "detached" });
  await page.reload();
  await page.getByText("The acme company").first().waitFor();
  assert.ok(!(await page.content()).includes("leaving"), "the page still offers the tenant");
  assert.deepEqual(wrong, []);
  await close();
});
