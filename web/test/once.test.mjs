// What a person has to know before the first request: said where it is decided, in each language.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { choose, overflow, signedIn, startBrowser, startReceiver, startServer, stumbles, texts } from "./bed.mjs";

let server;
let receiver;
let browser;
let credential;
let plain;

before(async () => {
  [server, receiver, browser] = await Promise.all([startServer(), startReceiver(), startBrowser()]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
  credential = await server.call("POST", "/v1/tenants/acme/credentials", {
    contract: "cabaprop",
    name: "Avisos",
    url: `${receiver.url}/hooks`,
  });
  plain = await server.call("POST", "/v1/tenants/acme/endpoints", { name: "CRM", url: `${receiver.url}/hooks` });
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

for (const language of ["es", "pt", "en"]) {
  test(`a credential and a test say that a request comes once, with 200 ms for the answer: ${language}`, async () => {
    const t = await texts(language);
    const width = language === "pt" ? 360 : 1440;
    const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/credentials", { width });
    const said = page.getByRole("note").filter({ hasText: "200 ms" });
    await page.getByRole("button", { name: t.credentials.new }).click();
    const dialog = page.getByRole("dialog");
    await choose(page, dialog.getByRole("combobox", { name: t.events.contract }), /CABAPROP/i);
    await said.waitFor();
    assert.match(await said.textContent(), { es: /una sola vez/, pt: /uma única vez/, en: /sent once/ }[language]);
    assert.ok((await said.textContent()).includes(t.test.queue));
    assert.deepEqual(await stumbles(page), []);
    assert.equal(await overflow(page), 0);

    await page.goto(`${server.url}/t/acme/endpoints/${credential.endpoint}?tab=test`);
    await page.getByRole("button", { name: t.test.run }).waitFor();
    await said.waitFor();
    assert.deepEqual(await stumbles(page), []);
    await page.goto(`${server.url}/t/acme/endpoints/${plain.id}?tab=test`);
    await page.getByRole("button", { name: t.test.run }).waitFor();
    await said.waitFor({ state: "detached" });
    assert.deepEqual(wrong, []);
    await close();
  });
}

test("the menu of an endpoint leads to its last execution", async () => {
  const t = await texts("es");
  await server.call("POST", `/v1/tenants/acme/endpoints/${plain.id}/test`, {});
  const [latest] = (await server.call("GET", `/v1/tenants/acme/deliveries?endpoint=${plain.id}`)).items;
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/endpoints");
  await page.getByRole("button", { name: t.endpoints.menu("CRM") }).click();
  await page.getByRole("menuitem", { name: "Última ejecución" }).click();
  await page.waitForURL(`**/t/acme/deliveries/${latest.id}`);
  assert.deepEqual(wrong, []);
  await close();
});

test("an event is offered with what it means and what its system's document calls it", async () => {
  const t = await texts("es");
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/endpoints/new");
  await choose(page, page.getByRole("combobox", { name: t.form.contract, exact: true }), /Upnify/);
  const event = page.getByRole("combobox", { name: t.form.eventType, exact: true });
  await event.click();
  await event.fill("folheto não");
  const option = page.getByRole("option", { name: "Prospecto ya no compartido" });
  await option.getByText("Un prospecto dejó de compartirse con un usuario.").waitFor();
  await option.getByText(t.contracts.alsoCalled("Folheto não compartilhado")).waitFor();
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();
});
