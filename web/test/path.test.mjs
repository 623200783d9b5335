// The server below a path of another website, behind a proxy that removes the path and behind one that passes it on.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, test } from "node:test";
import { open, patience, signIn, startBrowser, startServer, texts } from "./bed.mjs";

const path = "/tools/gancho";
let browser;
let t;

/** A website of which one path is the server's. Whatever else the browser asks it for is noted. */
async function startWebsite(strip) {
  const site = { outside: [] };
  const proxy = http.createServer((req, res) => {
    if (req.url !== path && !req.url.startsWith(`${path}/`)) {
      if (req.url !== "/favicon.ico") site.outside.push(req.url);
      res.statusCode = 404;
      res.end();
      return;
    }
    const inside = strip ? req.url.slice(path.length) || "/" : req.url;
    const passed = http.request(
      new URL(inside, site.server.url),
      { method: req.method, headers: req.headers },
      (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      },
    );
    passed.on("error", () => res.destroy());
    res.on("close", () => passed.destroy()); // a stream ends when the browser leaves
    req.pipe(passed);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  site.url = `http://127.0.0.1:${proxy.address().port}${path}`;
  site.server = await startServer("--public-url", site.url);
  site.stop = async () => {
    proxy.closeAllConnections();
    proxy.close();
    await site.server.stop();
  };
  return site;
}

before(async () => {
  [browser, t] = await Promise.all([startBrowser(), texts("en")]);
});
after(() => browser?.close());

for (const strip of [true, false]) {
  test(`signing in, pages and a portal link below a path that the proxy ${strip ? "removes" : "passes on"}`, async () => {
    const site = await startWebsite(strip);
    try {
      await site.server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
      await site.server.call("POST", "/v1/tenants/acme/endpoints", { name: "CRM", url: "https://example.com/hooks" });

      const { page, wrong, close } = await open(browser, { locale: t.locale });
      await signIn(page, site, t);
      await page.goto(`${site.url}/t/acme/endpoints`);
      await page.getByText("CRM").first().waitFor();
      await page.getByRole("link", { name: t.nav.deliveries }).click();
      await page.getByText(t.deliveries.live, { exact: true }).waitFor(); // the stream is connected
      await page.getByRole("link", { name: t.nav.events }).click();
      await page.waitForURL(`${site.url}/t/acme/events`);
      await page.reload();
      await page.getByRole("heading", { name: t.nav.events, level: 1 }).waitFor();
      const cookies = await page.context().cookies();
      assert.deepEqual(
        cookies.map((c) => c.path),
        [`${path}/v1`],
      );

      const link = await site.server.call("POST", "/v1/tenants/acme/portal-links", { name: "Ana", lang: "en" });
      assert.ok(link.url.startsWith(`${site.url}/portal#`), link.url);
      const visitor = await open(browser);
      await visitor.page.goto(link.url);
      await visitor.page.getByRole("link", { name: t.nav.endpoints }).click();
      await visitor.page.getByText("CRM").first().waitFor();
      await visitor.page.waitForURL(`${site.url}/portal/t/acme/endpoints`);
      await visitor.page.reload();
      await visitor.page.getByText("CRM").first().waitFor();
      await visitor.close();

      await page.getByRole("button", { name: t.signIn.as("admin") }).click();
      await page.getByRole("menuitem", { name: t.signIn.signOut }).click();
      await page.getByLabel(t.signIn.key, { exact: true }).waitFor({ timeout: patience });
      assert.deepEqual(await page.context().cookies(), []);

      // At the server's own address a page finds its way below the path.
      await page.goto(`${site.server.url}/t/acme/endpoints`);
      await page.getByLabel(t.signIn.key, { exact: true }).waitFor();
      assert.equal(new URL(page.url()).pathname, `${path}/t/acme/endpoints`);
      assert.deepEqual(site.outside, []);
      assert.deepEqual(wrong, []);
      await close();
    } finally {
      await site.stop();
    }
  });
}
