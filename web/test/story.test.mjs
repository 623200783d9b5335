// What a customer does in the portal, from the first link to the last endpoint,
// in each language.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { choose, open, screenshot, startBrowser, startReceiver, startServer, stumbles, texts } from "./bed.mjs";

let server;
let receiver;
let browser;

before(async () => {
  [server, receiver, browser] = await Promise.all([startServer(), startReceiver(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

// What the diagnosis says of a web page at the address, and of one that works.
const diagnosis = {
  es: [/página web/, /Todo funciona/],
  pt: [/página da web/, /Tudo funciona/],
  en: [/web page/, /works/],
};

// What the page of a delivery says is next when it has arrived.
const finished = { es: /Ya llegó/, pt: /Já chegou/, en: /It has arrived/ };

for (const [language, locale] of [
  ["es", "es-MX"],
  ["pt", "pt-BR"],
  ["en", "en-US"],
]) {
  test(`the story of an endpoint (${language})`, async () => {
    const t = await texts(language);
    const tenant = `story-${language}`;
    await server.call("PUT", `/v1/tenants/${tenant}`, { name: "Acme" });
    const link = await server.call("POST", `/v1/tenants/${tenant}/portal-links`, {
      lang: language,
      accent: "#1c4e80",
      name: "Ana",
    });
    // The browser speaks another language: the link decides.
    const { page, wrong, close } = await open(browser, { locale: language === "en" ? "es-MX" : "en-US" });
    await page.goto(link.url);
    await page.getByText(t.endpoints.empty).waitFor(); // the first page
    assert.equal(await page.locator("html").getAttribute("lang"), locale.startsWith("pt") ? "pt-BR" : language);
    assert.ok(!page.url().includes("#"), "the token stays in the address");
    assert.deepEqual(await stumbles(page), []);

    // It makes a Kobra endpoint, with an address that shows a web page.
    await page.getByRole("link", { name: t.nav.endpoints }).click();
    await page.getByText(t.endpoints.empty).waitFor();
    await page.getByRole("link", { name: t.endpoints.new }).click();
    await choose(page, page.getByRole("combobox", { name: t.portal.instead.form.contract }), /Kobra/);
    await page.getByRole("textbox", { name: t.form.name, exact: true }).fill("Visitas");
    await page.getByRole("textbox", { name: /URL/ }).fill("not an address");
    await page.getByLabel(/Token/).first().fill("secret-token-1");
    await page.getByRole("button", { name: t.form.create }).click();
    // What was typed stays where it is wrong.
    await page.locator("[aria-invalid=true]").first().waitFor();
    assert.equal(await page.getByRole("textbox", { name: /URL/ }).inputValue(), "not an address");
    assert.equal(await page.getByLabel(/Token/).first().inputValue(), "secret-token-1");
    assert.deepEqual(await stumbles(page), []);
    await page.getByRole("textbox", { name: /URL/ }).fill(`${receiver.url}/welcome`);
    await page.getByRole("button", { name: t.form.create }).click();

    // It tests it and reads what is the matter.
    await page.getByRole("button", { name: t.test.run }).click();
    await page.getByRole("status").filter({ hasText: diagnosis[language][0] }).first().waitFor();
    assert.deepEqual(await stumbles(page), []);
    if (language === "es") await screenshot(page, "test-endpoint");

    // It puts the address right and tests again.
    await page.getByRole("link", { name: t.common.edit }).click();
    await page.getByRole("textbox", { name: /URL/ }).fill(`${receiver.url}/hooks`);
    await page.getByRole("button", { name: t.common.save }).click();
    await page.getByRole("tab", { name: t.endpoints.test }).click();
    await page.getByRole("button", { name: t.test.run }).click();
    await page.getByRole("status").filter({ hasText: diagnosis[language][1] }).first().waitFor();
    assert.ok(
      receiver.got.some((r) => r.path === "/hooks" && r.headers["api-key"] === "secret-token-1"),
      "the token of the form did not arrive",
    );
    await page.getByRole("tab", { name: t.endpoints.configuration }).click();
    await page.getByText("********").first().waitFor();
    assert.ok(!(await page.content()).includes("secret-token-1"), "a secret is shown");

    // A delivery arrives while it looks.
    await page.getByRole("link", { name: t.nav.deliveries }).click();
    const rows = page.getByRole("listitem").filter({ has: page.getByRole("link") });
    await rows.nth(1).waitFor();
    assert.equal(await rows.count(), 2); // the two tests
    const kobra = await server.call("GET", "/v1/contracts/kobra");
    await server.call("POST", `/v1/tenants/${tenant}/events`, {
      contract: "kobra",
      type: "visit.finished",
      payload: JSON.parse(kobra.events[0].example),
    });
    await rows.nth(2).waitFor();
    await page.getByRole("listitem").first().getByText(t.deliveryState.delivered).waitFor();
    assert.deepEqual(await stumbles(page), []);
    await rows.first().getByRole("link").click();
    await page.getByRole("button", { name: t.delivery.curl }).waitFor();
    await page.getByText('"visitID"').first().waitFor();
    const why = page.getByRole("region", { name: t.why.title, exact: true });
    await why.getByText(finished[language]).waitFor();
    await why.getByText(kobra.events[0].titles[language], { exact: false }).waitFor();
    assert.deepEqual(await stumbles(page), []);

    // It disables it, and then deletes it.
    await page.getByRole("link", { name: t.nav.endpoints }).click();
    await page
      .getByRole("button", { name: t.endpoints.menu("Visitas") })
      .first()
      .click();
    await page.getByRole("menuitem", { name: t.endpoints.disable }).click();
    await page.getByRole("dialog").getByRole("button", { name: t.endpoints.disable }).click();
    await page.getByText(t.endpointState.disabled, { exact: true }).first().waitFor();
    await page
      .getByRole("button", { name: t.endpoints.menu("Visitas") })
      .first()
      .click();
    await page.getByRole("menuitem", { name: t.common.delete }).click();
    await page.getByRole("dialog").getByRole("button", { name: t.common.delete }).click();
    await page.getByText(t.endpoints.empty).waitFor();
    assert.deepEqual(wrong, []);
    await close();
  });
}
