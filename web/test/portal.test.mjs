// The portal in the pages of the operator's own product, and out of them again.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { adminKey, open, patience, signedIn, startBrowser, startServer, startSite, stumbles, texts } from "./bed.mjs";

let server;
let ours; // may show the portal
let theirs; // may not
let browser;
let t;
const files = mkdtempSync(path.join(os.tmpdir(), "gancho-logo-"));

before(async () => {
  const logo = path.join(files, "logo.svg");
  writeFileSync(
    logo,
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 30"><rect width="90" height="30" rx="6" fill="#1c4e80"/></svg>',
  );
  [ours, theirs, browser, t] = await Promise.all([
    startSite("localhost"),
    startSite("localhost"),
    startBrowser(),
    texts("pt"),
  ]);
  server = await startServer("--portal-origins", ours.url, "--portal-logo", logo);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
  await server.call("POST", "/v1/tenants/acme/endpoints", { name: "CRM", url: "https://example.com/hooks" });
});
after(async () => {
  await browser?.close();
  await Promise.all([server?.stop(), ours?.stop(), theirs?.stop()]);
  rmSync(files, { recursive: true, force: true });
});

const newLink = (more) =>
  server.call("POST", "/v1/tenants/acme/portal-links", { name: "Ana", lang: "pt", accent: "#1c4e80", ...more });

test("in an iframe of a configured origin it works without a cookie", async () => {
  const { page, wrong, close } = await open(browser);
  const requests = [];
  page.on("request", (r) => r.url().startsWith(server.url) && requests.push(r));
  ours.body = `<iframe title="Webhooks" width="1200" height="700" src="${(await newLink()).url}"></iframe>`;
  await page.goto(ours.url);
  const portal = page.frameLocator("iframe");
  const frame = page.frames().find((f) => f !== page.mainFrame());
  await portal.getByRole("link", { name: t.nav.endpoints }).click();
  await portal.getByText("CRM").first().waitFor();
  // The operator's picture, from the server itself.
  const logo = portal.locator("img.logo");
  assert.ok(await logo.evaluate((i) => i.decode().then(() => i.naturalWidth > 0)), "the logo is not shown");
  // It can change something: the token in its memory is enough.
  await portal
    .getByRole("button", { name: t.endpoints.menu("CRM") })
    .first()
    .click();
  await portal.getByRole("menuitem", { name: t.endpoints.pause }).click();
  await portal.getByText(t.endpointState.paused, { exact: true }).first().waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  assert.ok(
    requests.some((r) => r.headers().authorization?.startsWith("Bearer gp_")),
    "no request carries a token",
  );
  assert.ok(
    requests.every((r) => r.headers().cookie === undefined),
    "a request carries a cookie",
  );
  const kept = await frame.evaluate(() => {
    try {
      return `${JSON.stringify({ ...sessionStorage, ...localStorage })} ${document.cookie}`;
    } catch (e) {
      return e.name; // the browser denies a frame of another site all storage
    }
  });
  assert.ok(!kept.includes("gp_"), `the token is kept outside of the memory: ${kept}`);
  assert.deepEqual(wrong, []);
  await close();
});

test("a page of another origin cannot show it, nor anybody the console", async () => {
  for (const [site, address] of [
    [theirs, (await newLink()).url],
    [ours, `${server.url}/`],
  ]) {
    const { page, close } = await open(browser);
    const refused = page.waitForEvent("console", {
      predicate: (m) => m.text().includes("frame-ancestors"),
      timeout: patience,
    });
    site.body = `<iframe title="Webhooks" width="1200" height="700" src="${address}"></iframe>`;
    await page.goto(site.url);
    await refused;
    for (const f of page.frames()) assert.ok(!f.url().startsWith(server.url), "the page is in the frame");
    await close();
  }
});

test("a link is made and revoked in the console, and who came by it is out", async () => {
  const operator = await signedIn(browser, server, t, "/t/acme/portal-links");
  await operator.page.getByRole("heading", { name: t.portalLinks.list }).waitFor();
  await operator.page.getByRole("button", { name: t.portalLinks.create }).first().click();
  const dialog = operator.page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: t.common.name }).fill("Beatriz");
  await dialog.getByRole("button", { name: t.portalLinks.create }).click();
  const address = await dialog.getByRole("link").getAttribute("href");
  assert.deepEqual(await stumbles(operator.page), []);

  const visitor = await open(browser, { locale: "pt-BR" });
  await visitor.page.goto(address);
  await visitor.page.getByRole("link", { name: t.nav.endpoints }).click();
  await visitor.page.getByText("CRM").first().waitFor();
  assert.equal(await visitor.page.getByRole("link", { name: t.portalLinks.list }).count(), 0);

  await dialog.getByRole("button", { name: t.common.close }).last().click();
  const row = operator.page.getByRole("row").filter({ hasText: "Beatriz" });
  await row.getByRole("button", { name: t.keys.revoke }).click();
  await operator.page.getByRole("dialog").getByRole("button", { name: t.keys.revoke }).click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(await stumbles(operator.page), []);

  await visitor.page.getByRole("link", { name: t.nav.events }).click();
  await visitor.page.getByText(t.portal.ended).waitFor();
  await visitor.page.goto(address); // nor can it be opened again
  await visitor.page.reload();
  await visitor.page.getByText(t.portal.ended).waitFor();
  assert.deepEqual([...operator.wrong, ...visitor.wrong], []);
  await operator.close();
  await visitor.close();
});

test("one tenant's token opens nothing of another's", async () => {
  await server.call("PUT", "/v1/tenants/theirs", { name: "Theirs" });
  const other = await server.call("POST", "/v1/tenants/theirs/endpoints", {
    name: "Secret of theirs",
    url: "https://example.com/hooks",
  });
  const { page, close } = await open(browser);
  await page.goto((await newLink()).url);
  await page.getByRole("link", { name: t.nav.endpoints }).click();
  await page.getByText("CRM").first().waitFor();
  for (const at of ["endpoints", `endpoints/${other.id}`, "deliveries", "events", "credentials", "portal-links"]) {
    await page.goto(`${server.url}/portal/t/theirs/${at}`);
    await page.getByRole("alert").first().waitFor();
    assert.ok(!(await page.content()).includes("Secret of theirs"), at);
  }
  for (const at of ["keys", "tenants"]) {
    await page.goto(`${server.url}/portal/${at}`);
    await page.getByRole("alert").first().waitFor();
    assert.ok(!(await page.content()).includes("Secret of theirs"), at);
  }
  assert.ok(!(await page.content()).includes(adminKey));
  await close();
});
