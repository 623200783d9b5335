// The documentation as pages: in the console, in the portal with the customer's own values, in public without scripts,
// and the viewer of the API.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
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

before(async () => {
  [server, receiver, browser, t] = await Promise.all([
    startServer("--portal-accent", "#8a1c4e"),
    startReceiver(),
    startBrowser(),
    texts("es"),
  ]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
  await server.call("POST", "/v1/tenants/acme/credentials", {
    contract: "cabaprop",
    name: "Mi app",
    url: `${receiver.url}/hooks`,
  });
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    contract: "upnify",
    name: "CRM",
    url: `${receiver.url}/hooks`,
    event_types: ["venta.nueva"],
    settings: { pairs: [{ key: "X-Own-Header", value: "top-secret" }] },
  });
});
after(async () => {
  await browser?.close();
  await Promise.all([server?.stop(), receiver?.stop()]);
});

/** The text of all code on the page. */
const code = (page) => page.locator(".doc").evaluate((x) => x.textContent);

/** The panel of programs that is open. */
const programs = (page) => page.getByRole("group", { name: /PHP.*Node.*Python.*Go/ });

test("the operator reads it with a customer's own values, and shows it to everybody", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/endpoints");
  await page.getByRole("link", { name: t.docs.title }).click();
  await page.getByRole("heading", { name: t.docs.title, level: 1 }).waitFor();
  await page.goto(`${server.url}/documentation/cabaprop`);
  await page.getByRole("heading", { name: "CABAPROP: mensajes" }).waitFor();
  await until(async () => (await code(page)).includes(`curl -i -X POST '${receiver.url}/hooks'`));
  await until(async () => /"apiKey":"••••\w{4}"/.test(await code(page)));
  assert.ok((await code(page)).includes(`Host: ${new URL(receiver.url).host}`));
  await programs(page).getByText("Python", { exact: true }).click();
  await programs(page).getByText("import hmac").waitFor();
  assert.ok(!(await programs(page).getByText("createHash").first().isVisible()), "two programs are shown at once");
  await screenshot(page, "documentation");

  // Nobody sees it without a key, until the switch is on.
  const address = `${server.url}/docs/cabaprop`;
  assert.equal((await fetch(address)).status, 404);
  await page.getByLabel(t.docs.public).click({ force: true });
  await page.getByRole("link", { name: address }).waitFor();
  assert.equal((await fetch(address)).status, 200);
  assert.deepEqual(await stumbles(page), []);

  // "Try it" sends the example of the page to the endpoint.
  await page.getByRole("button", { name: t.test.run }).click();
  await page.getByRole("status").filter({ hasText: "HTTP 200" }).waitFor();
  assert.match((await receiver.wait((r) => r.body.includes("create.message"))).body, /"id":44444/);
  await page.setViewportSize({ width: 360, height: 740 });
  await until(async () => (await overflow(page)) === 0); // the menu slides away first
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();
});

test("a customer reads it in the portal with their own header, and without the operator's switch", async () => {
  const link = await server.call("POST", "/v1/tenants/acme/portal-links", { name: "Ana", lang: "es" });
  const { page, wrong, close } = await open(browser, { locale: "es-AR" });
  await page.goto(link.url);
  const { nav } = await texts("es", { one: "webhook", many: "webhooks", gender: "masculine" }); // as all its systems say
  await page.getByRole("link", { name: nav.endpoints }).click();
  await page.getByRole("link", { name: "CRM" }).first().click();
  await page.getByRole("main").getByRole("link", { name: t.docs.read }).click();
  await page.getByRole("heading", { name: t.docs.own }).waitFor();
  await until(async () => (await code(page)).includes("X-Own-Header: "));
  const shown = await code(page);
  assert.ok(shown.includes(`'${receiver.url}/hooks'`), "the own address is missing");
  assert.ok(shown.includes("request.headers['x-own-header']"), "a program reads another header");
  assert.ok(!shown.includes("your-token") && !(await page.content()).includes("top-secret"), "a secret is shown");
  assert.equal(await page.getByLabel(t.docs.public).count(), 0);
  await page.getByRole("button", { name: t.test.run }).click();
  await page.getByRole("status").filter({ hasText: "HTTP 200" }).waitFor();
  assert.ok(receiver.got.some((r) => r.headers["x-own-header"] === "top-secret"));
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();
});

test("everybody reads the public page, also without scripts", async () => {
  await server.call("PUT", "/v1/contracts/cabaprop/public-docs", { on: true });
  const context = await browser.newContext({ javaScriptEnabled: false, locale: "pt-BR" });
  const plain = await context.newPage();
  await plain.goto(`${server.url}/docs/cabaprop`);
  await plain.getByRole("heading", { name: "CABAPROP: mensagens", level: 1 }).waitFor();
  await programs(plain).getByText("Go", { exact: true }).click();
  await plain.getByText("package main").first().waitFor();
  assert.equal(await plain.getByRole("button", { name: "Copiar" }).count(), 0);
  await plain.getByRole("link", { name: "Español" }).click();
  await plain.getByRole("heading", { name: "CABAPROP: mensajes", level: 1 }).waitFor();
  await context.close();

  for (const look of [{ width: 1440 }, { width: 360, height: 740, dark: true }]) {
    const { page, wrong, close } = await open(browser, { locale: "es-AR", ...look });
    const outside = [];
    page.on("request", (r) => r.url().startsWith(server.url) || outside.push(r.url()));
    await page.goto(`${server.url}/docs/cabaprop?lang=es`);
    await page.getByRole("button", { name: "Copiar" }).first().waitFor();
    await page.getByRole("link", { name: "Duplicados" }).click();
    await page.getByRole("heading", { name: "Duplicados" }).waitFor();
    assert.equal(await overflow(page), 0);
    assert.deepEqual(await stumblesWithoutPolicy(browser, page, look), []);
    await screenshot(page, `public-documentation-${look.width}`);
    assert.deepEqual([...outside, ...wrong], []);
    await close();
  }
});

/** The strict policy of the page keeps axe out, so it looks at the page in a window that ignores it. */
async function stumblesWithoutPolicy(browser, page, { width, height = 900, dark }) {
  const context = await browser.newContext({
    bypassCSP: true,
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
  });
  const again = await context.newPage();
  await again.goto(page.url());
  const found = await stumbles(again);
  await context.close();
  return found;
}

test("the API has a viewer that asks no other server", async () => {
  const { page, wrong, close } = await open(browser);
  const outside = [];
  page.on("request", (r) => /^(data|blob):/.test(r.url()) || r.url().startsWith(server.url) || outside.push(r.url()));
  await page.goto(`${server.url}/docs/api`);
  await page.locator('[data-path="/v1/tenants/{tenant}/events"]').first().waitFor();
  await page.locator("#servers[aria-label]").waitFor();
  assert.deepEqual(await stumbles(page), []);
  await page.locator(".opblock-post", { hasText: "Publish events" }).locator("button.opblock-summary-control").click();
  await page.locator(".opblock-body select.examples-select-element").first().selectOption("one"); // a whole request
  await page.locator(".opblock-body").getByText("order-1001-paid").first().waitFor();
  await screenshot(page, "docs-api");
  assert.deepEqual([...outside, ...wrong], []);
  await close();
});
