// Who gets in, and to what.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { adminKey, choose, open, screenshot, signedIn, startBrowser, startServer, stumbles, texts } from "./bed.mjs";

let server;
let browser;
let t;

before(async () => {
  [server, browser, t] = await Promise.all([startServer(), startBrowser(), texts("en")]);
  for (const tenant of ["ours", "theirs"]) {
    await server.call("PUT", `/v1/tenants/${tenant}`, { name: tenant });
    await server.call("POST", `/v1/tenants/${tenant}/endpoints`, {
      name: `endpoint of ${tenant}`,
      url: "https://example.com/hooks",
    });
  }
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function signIn(page, key) {
  await page.goto(server.url);
  await page.getByLabel(t.signIn.key, { exact: true }).fill(key);
  await page.getByRole("button", { name: t.signIn.submit }).click();
}

test("a wrong key is refused, the right one lets in, and signing out ends it", async () => {
  const { page, wrong, close } = await open(browser);
  await signIn(page, "gk_this-is-no-key");
  await page.getByText("does not exist").waitFor();
  assert.equal(await page.getByLabel(t.signIn.key, { exact: true }).inputValue(), "gk_this-is-no-key");
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "sign-in");
  await signIn(page, adminKey);
  await page
    .getByRole("heading", { name: t.overview.title, exact: true })
    .or(page.getByRole("heading", { name: t.tenants.title, exact: true }))
    .waitFor();
  const cookies = await page.context().cookies(`${server.url}/v1/session`);
  assert.ok(cookies.length === 1 && cookies[0].httpOnly && cookies[0].sameSite === "Strict", JSON.stringify(cookies));
  assert.equal(await page.evaluate(() => document.cookie), "");
  await page.reload();
  await page.getByRole("button", { name: t.signIn.as("admin") }).click();
  await page.getByRole("menuitem", { name: t.signIn.signOut }).click();
  await page.getByRole("button", { name: t.signIn.submit }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: t.signIn.submit }).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a revoked key ends its session", async () => {
  const made = await server.call("POST", "/v1/keys", { role: "tenant", tenant: "ours" });
  const { page, close } = await open(browser);
  await signIn(page, made.key);
  await page
    .getByRole("heading", { name: t.overview.title, exact: true })
    .or(page.getByRole("heading", { name: t.endpoints.title, exact: true }))
    .waitFor();
  await server.call("DELETE", `/v1/keys/${made.id}`);
  await page.getByRole("link", { name: t.nav.events }).click();
  await page.getByText(t.signIn.ended).waitFor();
  await close();
});

test("a key with an end is made, refused after a wrong one, and shown once", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/keys");
  await page.getByRole("button", { name: t.keys.new }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox", { name: t.common.name }).fill("until noon");
  await dialog.getByLabel(t.roles.read, { exact: true }).check();
  const ends = dialog.getByLabel(t.keys.expires, { exact: true });
  await ends.fill("2020-01-01T12:00");
  await dialog.getByRole("button", { name: t.keys.create }).click();
  assert.ok(await ends.evaluate((i) => i.validity.rangeUnderflow), "a time that is past is taken");
  await ends.fill("2099-12-31T12:00");
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByRole("button", { name: t.keys.create }).click();
  await dialog.getByText(t.keys.once).waitFor();
  const key = await dialog.locator("code").textContent();
  await dialog.getByRole("button", { name: t.common.close }).last().click();
  const listed = (await server.call("GET", "/v1/keys")).items.find((k) => k.name === "until noon");
  assert.equal(
    listed.expires_at,
    await page.evaluate(() => new Date("2099-12-31T12:00").toISOString().replace(".000", "")),
  );
  assert.equal((await server.call("GET", "/v1/session", undefined, key)).role, "read");
  await page
    .getByRole("row")
    .filter({ hasText: "until noon" })
    .getByRole("time")
    .or(page.getByText("2099"))
    .first()
    .waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("a key is limited to scopes, addresses and an amount, and a wrong address stands at its field", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/keys");
  await page.getByRole("button", { name: t.keys.new }).first().click();
  const dialog = page.getByRole("dialog");
  const name = dialog.getByRole("textbox", { name: t.common.name });
  await name.fill("narrow");
  await dialog.getByLabel(t.roles.publish, { exact: true }).check();
  const scopes = dialog.getByRole("combobox", { name: t.keys.scopes });
  await choose(page, scopes, "events:publish");
  await choose(page, scopes, "personal:read");
  await name.click(); // closes the list
  await dialog.getByLabel(t.keys.addresses).fill("somewhere");
  await dialog.getByLabel(t.tenants.limitNames.events_per_month).fill("2");
  await dialog.getByRole("button", { name: t.keys.create }).click();
  await dialog.getByText(t.problem.details.address_range).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByLabel(t.keys.addresses).press("Backspace");
  await dialog.getByLabel(t.keys.addresses).fill("127.0.0.0/8");
  await dialog.getByRole("button", { name: t.keys.create }).click();
  await dialog.getByText(t.keys.once).waitFor();
  const text = await dialog.locator("code").textContent();
  await dialog.getByRole("button", { name: t.common.close }).last().click();
  const row = page.getByRole("row").filter({ hasText: "narrow" });
  await row.getByText(`personal:read, 127.0.0.0/8, ${t.tenants.limitNames.events_per_month}: 2`).waitFor();
  await screenshot(page, "keys");
  const publish = () => server.call("POST", "/v1/tenants/ours/events", { type: "order.paid", payload: {} }, text);
  await publish();
  await publish();
  await assert.rejects(publish(), /429 .*quota_used_up/);
  await assert.rejects(server.call("GET", "/v1/tenants/ours/events", undefined, text), /403 /);
  assert.deepEqual(wrong, []);
  await close();
});

test("a key is replaced: the old one works for a while, or ends at once", async () => {
  const made = await server.call("POST", "/v1/keys", { name: "worn", role: "read" });
  const works = async (key) => {
    const answer = await fetch(`${server.url}/v1/session`, { headers: { Authorization: `Bearer ${key}` } });
    return answer.status;
  };
  const { page, wrong, close } = await signedIn(browser, server, t, "/keys");
  const dialog = page.getByRole("dialog");
  const replace = async (overlap) => {
    await page.getByRole("row").filter({ hasText: "worn" }).getByRole("button", { name: t.keys.rotate }).click();
    if (overlap) await dialog.getByRole("textbox", { name: t.keys.overlap }).fill(overlap);
    assert.deepEqual(await stumbles(page), []);
    await dialog.getByRole("button", { name: t.keys.rotate }).click();
  };
  await replace();
  await dialog.getByText(t.keys.once).waitFor();
  const second = await dialog.locator("code").textContent();
  await dialog.getByRole("button", { name: t.common.close }).last().click();
  assert.deepEqual([await works(made.key), await works(second)], [200, 200]);

  // The old text is listed, and ended before its time.
  const row = page.getByRole("row").filter({ hasText: "worn" });
  await row.getByText(t.keys.earlier(made.key.slice(-4))).waitFor();
  await row.getByRole("button", { name: t.keys.endEarlier }).click();
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByRole("button", { name: t.keys.endEarlier }).click();
  await page.getByText(t.keys.earlierEnded).waitFor();
  await row.getByText(t.keys.earlier(made.key.slice(-4))).waitFor({ state: "detached" });
  assert.deepEqual([await works(made.key), await works(second)], [401, 200]);
  await replace("31d");
  await dialog.getByText(t.problem.details.overlap).waitFor();
  await dialog.getByRole("textbox", { name: t.keys.overlap }).fill("0s");
  await dialog.getByRole("button", { name: t.keys.rotate }).click();
  await dialog.getByText(t.keys.once).waitFor();
  const third = await dialog.locator("code").textContent();
  assert.deepEqual([await works(second), await works(third)], [401, 200]);
  assert.deepEqual(wrong, []);
  await close();
});

test("one tenant cannot see another", async () => {
  const link = await server.call("POST", "/v1/tenants/ours/portal-links", { lang: "en" });
  const { page, close } = await open(browser);
  await page.goto(link.url);
  await page.getByRole("link", { name: t.nav.endpoints }).click();
  await page.getByText("endpoint of ours").first().waitFor();
  await page.goto(`${server.url}/portal/t/theirs/endpoints`);
  await page.getByRole("alert").waitFor();
  assert.ok(!(await page.content()).includes("endpoint of theirs"));
  assert.equal(await page.getByRole("link", { name: t.nav.keys }).count(), 0);
  await close();
});

test("an expired link says so", async () => {
  const link = await server.call("POST", "/v1/tenants/ours/portal-links", { lang: "en", expires_in: "1ms" });
  const { page, close } = await open(browser);
  await page.goto(link.url);
  await page.getByText(t.portal.ended).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await page.goto(`${server.url}/portal`);
  await page.getByText(t.portal.ended).waitFor();
  await close();
});

test("the console cannot be framed, and the page obeys its own rules", async () => {
  const answer = await fetch(`${server.url}/`, { headers: { Accept: "text/html" } });
  assert.match(answer.headers.get("content-security-policy"), /script-src 'self'; .*frame-ancestors 'none'/);
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(await answer.text())[1];
  const asset = await fetch(server.url + script);
  assert.match(asset.headers.get("cache-control"), /immutable/);
  assert.equal((await fetch(`${server.url}/assets/nothing.js`)).status, 404);
});

test("an operator sees what a tenant uses, and sets its limits", async () => {
  for (let i = 0; i < 12; i++) {
    await server.call("POST", "/v1/tenants/theirs/events", { type: "order.paid", payload: { i } });
  }
  const { page, wrong, close } = await signedIn(browser, server, t, "/tenants");
  const row = page.getByRole("row").filter({ hasText: "theirs" });
  await row.getByRole("button", { name: t.tenants.limits }).click();
  const form = page.getByRole("dialog");
  await form.getByText(t.tenants.usedUnlimited("12")).waitFor();
  await form.getByLabel(t.tenants.limitNames.events_per_month).fill("12");
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "limits");
  await form.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.tenants.limitsSaved).waitFor();
  await row.getByRole("button", { name: t.tenants.limits }).click();
  await form.getByText(t.tenants.used("12", "12")).waitFor();
  assert.equal(await form.getByLabel(t.tenants.limitNames.events_per_month).inputValue(), "12");
  await assert.rejects(
    server.call("POST", "/v1/tenants/theirs/events", { type: "order.paid", payload: {} }),
    /429 .*quota_used_up/,
  );
  await form.getByLabel(t.tenants.limitNames.events_per_month).fill("");
  await form.getByRole("button", { name: t.common.save }).click();
  await form.waitFor({ state: "detached" });
  await server.call("POST", "/v1/tenants/theirs/events", { type: "order.paid", payload: {} });
  assert.deepEqual(wrong, []);
  await close();
});
