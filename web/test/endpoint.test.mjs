// What an operator does for one receiver: a transformation, what it missed, a credential.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { choose, signedIn, startBrowser, startReceiver, startServer, stumbles, texts } from "./bed.mjs";

let server;
let receiver;
let browser;
let t;

before(async () => {
  [server, receiver, browser, t] = await Promise.all([startServer(), startReceiver(), startBrowser(), texts("en")]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

test("a transformation is tried with a stored event, and its mistake is shown at its line", async () => {
  const crm = await server.call("POST", "/v1/tenants/acme/endpoints", { name: "CRM", url: `${receiver.url}/hooks` });
  await server.call("POST", "/v1/tenants/acme/events", { type: "order.paid", payload: { order: 42 } });
  const { page, wrong, close } = await signedIn(browser, server, t, `/t/acme/endpoints/${crm.id}?tab=transformation`);
  const editor = page.getByRole("textbox", { name: t.form.transformation });
  const write = async (text) => {
    await editor.click();
    await page.keyboard.press("Control+A");
    await page.keyboard.insertText(text);
  };
  const body = page.getByRole("region", { name: t.delivery.body });
  await body.getByText("42").waitFor();
  await write("function handler(webhook) {\n  return webhook.payload.nothing.at\n}");
  await page.getByText(`${t.contracts.line(2)}:`).waitFor();
  await page.locator(".cm-lint-marker-error").waitFor();
  assert.deepEqual(await stumbles(page), []);
  await write(
    'function handler(webhook) {\n  console.log("order", webhook.payload.order)\n  webhook.payload.source = "shop"\n  return webhook\n}',
  );
  await page.getByRole("region", { name: t.script.console }).getByText("42").waitFor();
  await body.getByText('"shop"').waitFor();
  await page.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.endpoints.saved).waitFor();
  assert.match((await server.call("GET", `/v1/tenants/acme/endpoints/${crm.id}`)).transformation, /source = "shop"/);
  assert.deepEqual(wrong, []);
  await close();
});

test("an endpoint is tried before it is stored, and the list knows how its test ended", async () => {
  await server.call("PUT", "/v1/tenants/trial", { name: "Trial" });
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/trial/endpoints/new");
  await page.getByLabel(t.form.name).fill("Shop");
  const url = page.getByLabel(t.form.url, { exact: false }).first();
  await page.getByRole("button", { name: t.form.tryDry }).click();
  await page.getByText(t.problem.details.url_required).waitFor();
  await url.fill(`${receiver.url}/broken`);
  await page.getByRole("button", { name: t.form.tryDry }).click();
  await page.getByRole("region", { name: t.test.request }).getByText("/broken").first().waitFor();
  assert.equal(receiver.got.filter((r) => r.path === "/broken").length, 0, "a dry trial sends nothing");
  await page.getByRole("button", { name: t.form.trySend }).click();
  await page.getByRole("status").getByText("HTTP 500").waitFor();
  await url.fill(`${receiver.url}/hooks`);
  await page.getByRole("button", { name: t.form.trySend }).click();
  await page.getByRole("status").getByText("HTTP 200").waitFor();
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual((await server.call("GET", "/v1/tenants/trial/endpoints")).items, []);
  await page.getByRole("button", { name: t.form.create }).click();
  await page.getByRole("button", { name: t.test.run }).click();
  await page.getByRole("status").getByText("HTTP 200").waitFor();
  await page.goto(`${server.url}/t/trial/endpoints`);
  await page.getByText(`${t.deliveries.test}: ${t.reason.delivered}`).first().waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("before there is an event, a transformation is tried with an example", async () => {
  await server.call("PUT", "/v1/tenants/fresh", { name: "Fresh" });
  const first = await server.call("POST", "/v1/tenants/fresh/endpoints", {
    name: "First",
    url: `${receiver.url}/hooks`,
  });
  const { page, wrong, close } = await signedIn(
    browser,
    server,
    t,
    `/t/fresh/endpoints/${first.id}?tab=transformation`,
  );
  await page.getByRole("region", { name: t.delivery.body }).waitFor();
  assert.equal(await page.getByRole("combobox", { name: t.deliveries.event }).inputValue(), t.script.example);
  const editor = page.getByRole("textbox", { name: t.form.transformation });
  await editor.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(
    "function handler(webhook) {\n  webhook.payload = { tried: true }\n  return webhook\n}",
  );
  await page.getByRole("region", { name: t.delivery.body }).getByText('"tried"').waitFor();
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual((await server.call("GET", "/v1/tenants/fresh/events")).items, []);
  assert.deepEqual(wrong, []);
  await close();
});

test("what an endpoint missed is counted, and then sent again", async () => {
  const late = await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Late",
    url: `${receiver.url}/hooks`,
    event_types: ["late.*"],
  });
  await server.call("POST", `/v1/tenants/acme/endpoints/${late.id}/disable`);
  for (let i = 0; i < 3; i++)
    await server.call("POST", "/v1/tenants/acme/events", { type: "late.thing", payload: { i } });
  await server.call("POST", `/v1/tenants/acme/endpoints/${late.id}/resume`);
  const { page, wrong, close } = await signedIn(browser, server, t, `/t/acme/endpoints/${late.id}`);
  await page.getByRole("button", { name: t.endpoints.recover }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: t.recover.preview }).click();
  await dialog.getByText(t.recover.count("3")).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByRole("button", { name: t.recover.start }).click();
  await dialog.getByText(t.recover.done("3")).waitFor();
  for (let i = 0; i < 3; i++) await receiver.wait((r) => new RegExp(`"i":\\s*${i}`).test(r.body));
  assert.deepEqual(wrong, []);
  await close();
});

test("a signing secret is shown and replaced, and for a while both sign", async () => {
  const signed = await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Signed",
    url: `${receiver.url}/hooks`,
    event_types: ["signed.*"],
  });
  const { page, wrong, close } = await signedIn(browser, server, t, `/t/acme/endpoints/${signed.id}?tab=configuration`);
  await page.getByRole("button", { name: t.secret.show }).click();
  const shown = page.locator("code").filter({ hasText: "whsec_" });
  const old = await shown.textContent();
  await page.getByRole("button", { name: t.secret.rotate }).click();
  assert.deepEqual(await stumbles(page), []);
  await page.getByRole("dialog").getByRole("button", { name: t.secret.rotate }).click();
  await page.getByText(t.secret.once).waitFor();
  await page.getByText(t.secret.previous("", "").split("…")[0]).first().waitFor();
  const fresh = await shown.textContent();
  assert.notEqual(fresh, old);
  await server.call("POST", "/v1/tenants/acme/events", { type: "signed.thing", payload: { signed: true } });
  const arrived = await receiver.wait((r) => r.body.includes('"signed"'));
  const signature = (secret) =>
    createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64"))
      .update(`${arrived.headers["webhook-id"]}.${arrived.headers["webhook-timestamp"]}.${arrived.body}`)
      .digest("base64");
  assert.deepEqual(
    arrived.headers["webhook-signature"].split(" "),
    [fresh, old].map((s) => `v1,${signature(s)}`),
  );
  assert.deepEqual(wrong, []);
  await close();
});

test("a credential is made, shown once, paused and deleted", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/credentials");
  await page.getByText(t.credentials.empty).waitFor();
  await page.getByRole("button", { name: t.credentials.new }).click();
  const dialog = page.getByRole("dialog");
  await choose(page, dialog.getByRole("combobox", { name: t.events.contract }), /CABAPROP/i);
  await dialog.getByRole("textbox", { name: t.common.name }).fill("Listings");
  await dialog.getByRole("textbox", { name: t.form.url }).fill(`${receiver.url}/hooks`);
  await dialog.getByRole("button", { name: t.credentials.create }).click();
  await dialog.getByText(t.keys.once).waitFor();
  for (const name of ["apiKey", "secret", "token"])
    await dialog.getByRole("button", { name: `${t.common.copy}: ${name}` }).waitFor();
  const secret = await dialog.locator("code").nth(1).textContent();
  assert.ok(secret.length >= 16, "there is no secret");
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByRole("button", { name: t.common.close }).last().click();
  await dialog.waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(secret), "the secret is still shown");

  const menu = page.getByRole("button", { name: t.endpoints.menu("Listings") });
  await menu.click();
  await page.getByRole("menuitem", { name: t.endpoints.pause }).click();
  await page.getByRole("cell", { name: t.endpointState.paused }).waitFor();
  await menu.click();
  await page.getByRole("menuitem", { name: t.common.delete }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.common.delete }).click();
  await page.getByText(t.credentials.empty).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});

test("how an endpoint authenticates is filled in, kept and changed, and a mistake stands at its field", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/endpoints/new");
  await page.getByLabel(t.form.url).fill(`${receiver.url}/hooks`);
  await page.getByRole("button", { name: t.form.advanced }).click();
  await choose(page, page.getByRole("combobox", { name: t.auth.title }), t.auth.basic);
  await page.getByLabel(t.auth.user, { exact: true }).fill("acme:crm");
  await page.getByLabel(t.auth.password, { exact: true }).fill("opensesame-1");
  assert.deepEqual(await stumbles(page), []);
  await page.getByRole("button", { name: t.form.create }).click();
  await page.getByText(t.problem.details.auth_user_colon).waitFor();
  await page.getByLabel(t.auth.user, { exact: true }).fill("acme");
  await page.getByRole("button", { name: t.form.create }).click();
  await page.getByText(t.endpoints.made).waitFor();
  const id = new URL(page.url()).pathname.split("/").pop();
  const path = `/v1/tenants/acme/endpoints/${id}`;
  assert.deepEqual((await server.call("GET", path)).auth, { basic: { user: "acme", password: "********" } });

  await page.goto(`${server.url}/t/acme/endpoints/${id}/edit`);
  await page.getByRole("button", { name: t.form.advanced }).click();
  await page.getByLabel(t.auth.user, { exact: true }).fill("other");
  await page.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.endpoints.saved).waitFor();
  await page.getByText(t.auth.basic).waitFor();
  await server.call("POST", `${path}/test`, {});
  const basic = `Basic ${Buffer.from("other:opensesame-1").toString("base64")}`;
  await receiver.wait((r) => r.headers.authorization === basic);

  await page.goto(`${server.url}/t/acme/endpoints/${id}/edit`);
  await page.getByRole("button", { name: t.form.advanced }).click();
  await choose(page, page.getByRole("combobox", { name: t.auth.title }), t.auth.bearer);
  await page.getByLabel(t.auth.token, { exact: true }).fill("fixed-token-1");
  await page.getByLabel(t.auth.ca).fill("no certificate");
  await page.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.problem.details.pem_certificate).waitFor();
  await page.getByLabel(t.auth.ca).fill("");
  await page.getByRole("button", { name: t.common.save }).click();
  await page.getByText(t.endpoints.saved).waitFor();
  assert.deepEqual((await server.call("GET", path)).auth, { bearer: "********" });
  assert.deepEqual(wrong, []);
  await close();
});
