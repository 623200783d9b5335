// What an operator does with records and schedules by hand.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { choose, patience, signedIn, startBrowser, startReceiver, startServer, stumbles, texts } from "./bed.mjs";

let server;
let receiver;
let browser;
let t;

before(async () => {
  [server, receiver, browser, t] = await Promise.all([startServer(), startReceiver(), startBrowser(), texts("pt")]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Visitas",
    contract: "kobra",
    url: `${receiver.url}/hooks`,
    settings: { api_key: "token" },
  });
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Métricas",
    contract: "prolibu",
    url: `${receiver.url}/hooks`,
    settings: { authorization: "Bearer token" },
  });
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

/** Puts a text in the place of what the editor has. */
async function write(page, text) {
  await page.getByRole("textbox", { name: t.records.document }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}

test("a record is looked up, written, changed, and shows what fired", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/records");
  await page.getByText(t.records.empty).waitFor();
  await choose(page, page.getByRole("combobox", { name: t.records.kind }), /^Visita$/);
  await page.getByRole("textbox", { name: t.records.key }).fill("v/1");
  await page.getByRole("button", { name: t.records.lookUp }).click();
  await page.getByText(t.records.missing).waitFor();

  await page.getByRole("button", { name: t.records.write }).click();
  await write(page, '{ "visitID": "v/1", ');
  await page.getByRole("button", { name: t.records.save }).click();
  await page.getByText(t.events.notJson).waitFor();
  // Numbers and white space are kept as they are typed.
  const document = '{ "visitID": "v/1",  "amount": 1.50, "big": 12345678901234567890 }';
  await write(page, document);
  await page.getByRole("button", { name: t.records.save }).click();
  await page
    .getByRole("status")
    .filter({ hasText: t.records.created })
    .filter({ hasText: t.records.noneFired })
    .waitFor();
  await page.getByText(t.delivery.raw, { exact: true }).click();
  assert.equal(await page.getByRole("region", { name: t.records.document }).textContent(), document);
  assert.deepEqual(await stumbles(page), []);

  await page.getByRole("button", { name: t.common.edit }).click();
  await page.getByText(t.records.patch, { exact: true }).click();
  await write(page, '{"finished": true}');
  await page.getByRole("button", { name: t.records.save }).click();
  const fired = page.getByRole("status").filter({ hasText: t.records.saved });
  await fired.getByText(t.records.takes(1)).waitFor();
  assert.deepEqual(await stumbles(page), []);

  // Somebody else changes it while it is edited here.
  await page.getByRole("button", { name: t.common.edit }).click();
  await page.getByRole("textbox", { name: t.records.document }).waitFor();
  await server.call("PATCH", "/v1/tenants/acme/records/kobra/visit/v%2F1", { agentID: 7 });
  await write(page, '{"visitID": "v/1"}');
  await page.getByRole("button", { name: t.records.save }).click();
  await page.getByRole("alert").waitFor();
  assert.equal((await server.call("GET", "/v1/tenants/acme/records/kobra/visit/v%2F1")).agentID, 7);
  await page.getByRole("button", { name: t.common.cancel }).click();
  await page.getByRole("button", { name: t.common.delete }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.common.delete }).click();
  await page.getByText(t.records.empty).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a schedule is run by hand", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/schedules");
  await page.getByRole("button", { name: t.schedules.run }).click();
  await page.getByText(t.schedules.codes.nothing_to_send).waitFor();
  await server.call("PUT", "/v1/tenants/acme/records/prolibu/proposal/p-1", { id: "p-1", status: "Ready" });
  await page.getByRole("button", { name: t.schedules.run }).click();
  await page.getByRole("link", { name: t.schedules.seeEvent }).click();
  await page.getByText('"proposal"').first().waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("what errors left out is seen: events that never came to be, and events that an endpoint did not get", async () => {
  await server.call("POST", "/v1/contracts", {
    source: `contract: shop
title: {en: Shop, pt: Loja}
records: {order: {title: {en: Order, pt: Pedido}, key: id}}
events:
  order.large: {title: {en: Large order, pt: Pedido grande}, on: order, when: 'new.total * 2 > 100'}
`,
  });
  const filtered = await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Contabilidade",
    url: `${receiver.url}/hooks`,
    filter: "payload.missing > 1",
  });
  await server.call("PUT", "/v1/tenants/acme/records/shop/order/o%2F1", { id: "o/1", total: "muito" });
  await server.call(
    "POST",
    "/v1/tenants/acme/events",
    Array.from({ length: 70 }, () => ({ type: "order.paid", payload: {} })),
  );
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/events");
  const left = page.getByRole("region", { name: t.omissions.title });
  await left.getByText("Pedido grande").waitFor({ timeout: patience });
  await left.getByText(t.omissions.count(70, "70")).waitFor({ timeout: patience });
  await left.getByText(t.omissions.reasons.condition_failed).waitFor();
  await left.getByText(t.omissions.unkept("60", "10")).waitFor();
  for (const more of await left.getByText(t.omissions.examples, { exact: true }).all()) await more.click();
  await left.getByText(t.omissions.line(5)).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await left.getByRole("link", { name: "order o/1" }).click();
  await page.getByRole("region", { name: t.records.document }).waitFor();

  await page.goto(`${server.url}/t/acme`);
  await page.getByText(t.overview.leftOut(71, "71")).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await page.getByRole("link", { name: t.overview.whatLeftOut }).click();
  await left.getByRole("link", { name: "Contabilidade" }).click();
  await page.waitForURL(`**/endpoints/${filtered.id}`);
  // The address changes before the page does, and the page before has the reason, too.
  await left.getByText("Pedido grande").waitFor({ state: "detached", timeout: patience });
  await left.getByText(t.omissions.reasons.filter_failed).waitFor({ timeout: patience });
  assert.deepEqual(wrong, []);
  await close();
});
