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

/** What nobody says to a customer: words for the operator, in each language. */
const notForCustomers = {
  es: /Gancho|sus clientes|su producto|este cliente|clave de API|operador|instalación|copia de seguridad|contrato/i,
  pt: /Gancho|seus clientes|seu produto|este cliente|chave de API|operador|instalação|backup|contrato/i,
  en: /Gancho|your customers|your product|tenant|API key|operator|installation|backup/i,
};

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

  await visitor.page.getByRole("link", { name: t.nav.deliveries }).click();
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
    await page.getByRole("alert").or(page.getByText(t.portal.hidden)).first().waitFor();
    assert.ok(!(await page.content()).includes("Secret of theirs"), at);
  }
  for (const at of ["keys", "tenants"]) {
    await page.goto(`${server.url}/portal/${at}`);
    await page.getByText(t.portal.hidden).waitFor();
    assert.ok(!(await page.content()).includes("Secret of theirs"), at);
  }
  assert.ok(!(await page.content()).includes(adminKey));
  await close();
});

test("a customer of CABAPROP sees CABAPROP only, and can neither publish nor change records", async () => {
  await server.call("PUT", "/v1/tenants/inmo", { name: "Inmobiliaria" });
  await server.call("POST", "/v1/tenants/inmo/credentials", {
    contract: "cabaprop",
    name: "Mi sitio",
    url: "https://example.com/hook",
  });
  const message = { contract: "cabaprop", type: "create.message", payload: { id: 1, conversationId: 4 } };
  await server.call("POST", "/v1/tenants/inmo/events", message);
  const contracts = (await server.call("GET", "/v1/contracts?lang=es")).items;
  const others = contracts.filter((c) => c.name !== "cabaprop").map((c) => c.title);
  assert.ok(others.length > 3);

  for (const lang of ["es", "pt", "en"]) {
    const own = await texts(lang, { one: "webhook", many: "webhooks", gender: "masculine" }); // as CABAPROP says
    const { url } = await server.call("POST", "/v1/tenants/inmo/portal-links", { name: "Eva", lang });
    const { page, wrong, close } = await open(browser, { width: lang === "pt" ? 360 : 1440 });
    await page.goto(url);
    await page.getByRole("heading", { level: 1, name: own.endpoints.title }).waitFor(); // the first page
    if (lang === "pt") await page.getByRole("button", { name: own.common.menu }).click();
    const menu = page.getByRole("navigation").getByRole("link");
    assert.equal(await menu.first().textContent(), "Webhooks");
    assert.deepEqual(await menu.allInnerTexts(), [
      own.nav.endpoints,
      own.nav.deliveries,
      own.credentials.title,
      own.docs.title,
    ]);
    const checked = async (heading) => {
      await page.getByRole("heading", { level: 1, name: heading }).waitFor();
      await page.getByLabel(own.common.loading).waitFor({ state: "detached" });
      // The document itself names the header User-Agent and the keys of its system.
      const ours = await page.locator("#root").evaluate((root) => {
        const copy = root.cloneNode(true);
        for (const x of copy.querySelectorAll("style, article")) x.remove();
        return copy.textContent;
      });
      assert.doesNotMatch(ours, notForCustomers[lang]);
      const text = await page.locator("#root").textContent();
      for (const title of others) assert.ok(!text.includes(title), `${heading} shows ${title}`);
      assert.deepEqual(await stumbles(page), []);
    };
    await menu.filter({ hasText: own.docs.title }).click();
    await page.getByText("CABAPROP").filter({ visible: true }).first().waitFor();
    await checked(own.docs.title);
    assert.equal(await page.getByLabel(own.docs.contract, { exact: true }).count(), 0); // there is no other to choose
    await page.goto(`${server.url}/portal/t/inmo/deliveries`);
    await checked(own.deliveries.title);
    await page.goto(`${server.url}/portal/t/inmo/credentials`);
    await page.getByText("Mi sitio").filter({ visible: true }).first().waitFor();
    await checked(own.credentials.title);
    await page.goto(`${server.url}/portal/t/inmo/endpoints`);
    await page.getByText("Mi sitio").filter({ visible: true }).first().waitFor();
    await checked(own.endpoints.title);

    // Deep links to what the portal does not have say so, and lead back.
    const elsewhere = [
      "t/inmo/events",
      "t/inmo/records",
      "t/inmo/portal-links",
      "t/inmo/people",
      "t/inmo",
      "contracts",
      "audit",
    ];
    for (const at of lang === "es" ? elsewhere : elsewhere.slice(0, 1)) {
      await page.goto(`${server.url}/portal/${at}`);
      await checked(own.portal.hidden);
    }
    await page.getByRole("link", { name: own.portal.first }).click();
    await page.getByRole("heading", { level: 1, name: own.endpoints.title }).waitFor();
    await page.goto(`${server.url}/portal/documentation/catacliente`);
    await page.getByText(own.problem.notFoundText).waitFor();
    assert.ok(!(await page.locator("#root").textContent()).includes("Webhook recebido"));

    // The server refuses the same to whoever does not use the pages.
    const { token } = JSON.parse(
      await page.evaluate(() => Object.values(sessionStorage).find((v) => v.includes("gp_"))),
    );
    for (const [method, at, body] of [
      ["POST", "/v1/tenants/inmo/events", message],
      ["PUT", "/v1/tenants/inmo/records/cabaprop/conversation/7", { id: 7 }],
      ["GET", "/v1/contracts/catacliente"],
    ])
      await assert.rejects(server.call(method, at, body, token), /403 .*portal_forbidden/);
    assert.deepEqual(wrong, []);
    await close();
  }
});

test("an operator chooses what a portal shows, for those who are in it, too", async () => {
  const { page: visitor, close: leave } = await open(browser, { locale: "pt-BR" });
  await visitor.goto((await newLink()).url);
  await visitor.getByRole("link", { name: t.nav.deliveries }).waitFor();
  assert.equal(await visitor.getByRole("link", { name: t.nav.events }).count(), 0);

  const operator = await signedIn(browser, server, t, "/t/acme/portal-links");
  await operator.page.getByRole("button", { name: t.portalLinks.shows }).click();
  const dialog = operator.page.getByRole("dialog");
  const pages = dialog.getByRole("group", { name: t.portalLinks.pages });
  await pages.first().getByText(t.portalLinks.chosen).click();
  await dialog.getByRole("checkbox", { name: t.portalLinks.pageNames.events }).check();
  await dialog.getByRole("checkbox", { name: t.portalLinks.pageNames.credentials }).uncheck();
  await dialog.getByRole("group", { name: t.portalLinks.actions }).first().getByText(t.portalLinks.chosen).click();
  await dialog.getByRole("checkbox", { name: t.portalLinks.actionNames.edit_endpoints }).uncheck();
  assert.deepEqual(await stumbles(operator.page), []);
  await dialog.getByRole("button", { name: t.common.save }).click();
  await dialog.waitFor({ state: "detached" });
  const { portal } = await server.call("GET", "/v1/tenants/acme");
  assert.deepEqual(portal, {
    pages: ["endpoints", "test", "deliveries", "documentation", "events"],
    actions: ["edit_credentials", "retry"],
  });

  await visitor.reload();
  await visitor.getByRole("link", { name: t.nav.events }).click();
  await visitor.getByRole("heading", { level: 1, name: t.events.title }).waitFor();
  assert.equal(await visitor.getByRole("button", { name: t.events.send }).count(), 0);
  assert.equal(await visitor.getByRole("link", { name: t.credentials.title }).count(), 0);
  await visitor.getByRole("link", { name: t.nav.endpoints }).click();
  await visitor.getByText("CRM").first().waitFor();
  assert.equal(await visitor.getByRole("link", { name: t.endpoints.new }).count(), 0);
  assert.deepEqual(operator.wrong, []);

  // One link can say something else.
  await operator.page.getByRole("button", { name: t.portalLinks.create }).first().click();
  await dialog.getByText(t.portalLinks.linkShows).click();
  await dialog.getByLabel(t.portalLinks.contracts, { exact: true }).first().click();
  await operator.page.getByRole("option", { name: /CABAPROP/ }).click();
  await dialog.getByRole("button", { name: t.portalLinks.create }).click();
  const address = await dialog.getByRole("link").getAttribute("href");
  await visitor.goto(address);
  await visitor.getByRole("link", { name: t.docs.title }).click();
  await visitor
    .getByText(/CABAPROP/)
    .filter({ visible: true })
    .first()
    .waitFor();
  await server.call("PUT", "/v1/tenants/acme", { portal: {} });
  await operator.close();
  await leave();
});

test("every text agrees with a noun of another gender", async () => {
  for (const [lang, one, many] of [
    ["es", "conexión", "conexiones"],
    ["pt", "conexão", "conexões"],
  ]) {
    const named = await texts(lang, { one, many, gender: "feminine" });
    assert.equal(named.nav.endpoints, lang === "es" ? "Conexiones" : "Conexões");
    let said = 0;
    const walk = (value, at) => {
      if (typeof value === "function") {
        try {
          walk(value(2, 2, 2), at);
        } catch {
          // it wants other values; what it says is like the rest
        }
      } else if (typeof value === "string") {
        assert.doesNotMatch(value, /[‹›]|destino/i, at);
        assert.doesNotMatch(
          value,
          /(^|\s)(el|un|del|al|los|este|ese|estos|ningún|nuevo|otro|o|os|um|do|dos|ao|aos|deste|nenhum|novo|outro) conex/i,
          at,
        );
        assert.doesNotMatch(value, /conex\S+ (está|fue|foi|é|são|están|estão) \S+[oa]do/i, at);
        if (value.includes(one) || value.includes(many)) said++;
      } else if (value && typeof value === "object") for (const [k, v] of Object.entries(value)) walk(v, `${at}.${k}`);
    };
    walk(named, lang);
    assert.ok(said > 60, `only ${said} texts have the noun`);
  }
  const en = await texts("en", { one: "webhook", many: "webhooks", gender: "masculine" });
  assert.equal(en.endpoints.new, "New webhook");
  assert.match(en.endpoints.emptyText, /^A webhook is/);
});
