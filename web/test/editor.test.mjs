// A contract in the console, from an empty text to its third version, by somebody who speaks Spanish.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  choose,
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
  [server, receiver, browser, t] = await Promise.all([startServer(), startReceiver(), startBrowser(), texts("es")]);
  t.locale = "es-MX";
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await receiver?.stop();
});

for (const look of [
  { name: "wide", width: 1440, height: 900 },
  { name: "narrow", width: 360, height: 780 },
]) {
  test(`a contract is made, mended, changed and restored (${look.name})`, async () => {
    const contract = `tienda-${look.name}`;
    const { page, wrong, close } = await signedIn(browser, server, t, "/contracts", look);
    const main = page.getByRole("main");
    const editor = page.getByRole("textbox", { name: t.contracts.source });
    const write = async (text) => {
      await editor.click();
      await page.keyboard.press("Control+A");
      await page.keyboard.insertText(text);
    };
    const publish = () => page.getByRole("button", { name: t.library.put }).click();
    const inForce = () => server.call("GET", `/v1/contracts/${contract}`);

    // It starts from the empty contract, whose comments are in the reader's language and which is valid.
    await page.getByRole("link", { name: t.library.title }).click();
    await page.getByRole("link", { name: t.editor.own }).click();
    await editor.getByText(t.editor.template.name).waitFor();
    await page.getByRole("region", { name: t.delivery.body }).getByText('"1001"').waitFor();
    await page.getByRole("button", { name: t.contracts.check }).click();
    await main.getByText(t.contracts.valid).waitFor();
    assert.deepEqual(await stumbles(page), []);

    // A mistake stands at its line while one types; nothing has to be asked for.
    const text = (timeout) =>
      `contract: ${contract}\ntitle: Tienda\nevents:\n  order.paid: {title: Pagado, example: '{"id":"A-1"}'}\n` +
      `  order.sent: {title: Enviado, example: '{"id":"A-2"}'}\n` +
      `endpoint:\n  headers: {X-Shop: a}\ndelivery:\n  timeout: ${timeout}\n`;
    await write(text("30"));
    await main
      .getByText(`${t.contracts.line(9)}: Una duración necesita una unidad. Escriba por ejemplo 30s o 30ms.`)
      .waitFor();
    await page.locator(".cm-lint-marker-error").waitFor();
    assert.deepEqual(await stumbles(page), []);

    // Mended, it can be tried with the examples of its own events, which no stored contract has.
    await write(text("5s"));
    await page.locator(".cm-lint-marker-error").waitFor({ state: "detached" });
    await choose(page, page.getByRole("combobox", { name: t.deliveries.event }), `${t.script.example}: Enviado`);
    await page.getByRole("region", { name: t.delivery.body }).getByText('"A-2"').waitFor();

    // It is sent to an address, once, before anything is stored; what is wrong stands at the field of the address.
    const trial = page.getByRole("form", { name: t.editor.trial });
    await choose(page, main.getByRole("combobox", { name: t.nav.tenant }), "Acme");
    await choose(page, page.getByRole("combobox", { name: t.deliveries.event }), `${t.script.example}: Enviado`);
    const send = async (url) => {
      await trial.getByRole("textbox", { name: t.endpoints.url }).fill(url);
      await trial.getByRole("button", { name: t.form.trySend }).click();
    };
    await send("");
    await trial.getByText(t.problem.details.url_required).waitFor();
    await send("http://10.1.2.3/");
    await trial.getByText("10.1.2.3", { exact: false }).waitFor();
    const before = receiver.got.length;
    await send(`${receiver.url}/hooks`);
    await trial.getByText("HTTP 200").first().waitFor();
    const got = receiver.got.slice(before).map((r) => [r.path, r.headers["x-shop"], r.body]);
    assert.deepEqual(got, [["/hooks", "a", '{"id":"A-2"}']]);
    assert.deepEqual(await stumbles(page), []);
    assert.ok((await overflow(page)) <= 0);
    await screenshot(page, `editor-trial-${look.name}`);
    await send(`${receiver.url}/broken`);
    await trial.getByText("HTTP 500").first().waitFor();
    assert.deepEqual((await server.call("GET", "/v1/tenants/acme/deliveries")).items, []);

    await page.getByRole("button", { name: t.contracts.check }).click();
    await main.getByText(t.editor.isNew(contract)).waitFor();
    await main.getByText("ejemplo de order.sent").waitFor();
    assert.ok((await overflow(page)) <= 0);
    await publish();
    await page.waitForURL(`**/contracts/${contract}`);
    assert.equal((await inForce()).version, 1);

    // Another text is shown beside the one in force: the lines, and what they mean for receivers.
    await server.call("POST", "/v1/tenants/acme/endpoints", { contract, url: "https://example.com/hooks" });
    await page.getByRole("tab", { name: t.contracts.playground }).click();
    await write(text("5s").replace("X-Shop", "X-Tienda"));
    const diff = page.getByRole("region", { name: t.editor.against("1") });
    await diff.getByRole("row", { name: `7 ${t.editor.removed} headers: {X-Shop: a}` }).waitFor();
    await diff.getByRole("row", { name: `7 ${t.editor.added} headers: {X-Tienda: a}` }).waitFor();
    await page.getByRole("button", { name: t.contracts.check }).click();
    await page
      .getByRole("region", { name: t.changes.title })
      .getByText(/X-Shop.*X-Tienda/)
      .waitFor();
    await main.getByText(t.editor.endpointsFollow(1), { exact: false }).waitFor();
    assert.ok((await overflow(page)) <= 0);
    assert.deepEqual(await stumbles(page), []);
    await screenshot(page, `editor-${look.name}`);

    // Whoever leaves now is asked; whoever stays has lost nothing.
    await page.getByRole("tab", { name: t.contracts.docs }).click();
    const question = page.getByRole("dialog");
    await question.getByText(t.editor.leave).waitFor();
    await question.getByRole("button", { name: t.common.cancel }).click();
    await question.waitFor({ state: "detached" });
    await editor.getByText("X-Tienda").waitFor();

    // What breaks receivers is put in force only when one says so.
    await publish();
    await question.getByText(/X-Tienda/).waitFor();
    await question.getByRole("button", { name: t.changes.anyway }).click();
    await until(async () => (await inForce()).version === 2);
    await question.waitFor({ state: "detached" });

    // The first version comes back as the third one.
    await page.getByRole("tab", { name: t.editor.versions }).click();
    await page.getByRole("button", { name: t.editor.compare }).click();
    await page.getByRole("region", { name: t.editor.between("1", "2") }).waitFor();
    assert.deepEqual(await stumbles(page), []);
    await page.getByRole("link", { name: t.editor.restore }).click();
    await editor.getByText("X-Shop").waitFor();
    await publish();
    await question.getByRole("button", { name: t.changes.anyway }).click();
    await until(async () => (await inForce()).version === 3);
    assert.equal((await inForce()).source, text("5s"));

    assert.deepEqual(wrong, []);
    await close();
  });
}

test("what somebody else puts in force meanwhile does not replace what is typed", async () => {
  const text = (about) => `contract: dos\ntitle: Dos\nabout: ${about}\nevents: {a: {title: A, example: "{}"}}\n`;
  await server.call("POST", "/v1/contracts", { source: text("uno") });
  const { page, close } = await signedIn(browser, server, t, "/contracts/dos?tab=playground");
  const editor = page.getByRole("textbox", { name: t.contracts.source });
  await editor.click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# mi cambio\n");
  await server.call("POST", "/v1/contracts", { source: text("dos") });
  await page.getByRole("button", { name: t.library.put }).click();
  const question = page.getByRole("dialog");
  await question.getByText(t.editor.overtaken("2", "1")).waitFor();
  await question.getByRole("button", { name: t.common.cancel }).click();
  await editor.getByText("# mi cambio").waitFor();
  const diff = page.getByRole("region", { name: t.editor.against("2") });
  await diff.getByRole("row", { name: `${t.editor.removed} about: dos` }).waitFor();
  assert.equal((await server.call("GET", "/v1/contracts/dos")).version, 2);
  await close();
});

test("whoever goes to another page is at its heading, and the window is called like it", async () => {
  const { page, close } = await signedIn(browser, server, t, "/contracts");
  const at = async (heading) => {
    await page.waitForFunction(
      (text) => document.activeElement?.tagName === "H1" && document.activeElement.textContent === text,
      heading,
    );
    assert.equal(await page.title(), `${heading} · Gancho`);
  };
  await page.getByRole("heading", { level: 1, name: t.contracts.title }).waitFor();
  await page.getByRole("link", { name: t.nav.tenants, exact: true }).click();
  await at(t.tenants.title);
  await page.getByRole("link", { name: t.nav.contracts, exact: true }).click();
  await at(t.contracts.title);
  await page.getByRole("main").getByRole("link", { name: t.library.title }).click();
  await at(t.library.title);
  await page.getByRole("link", { name: t.editor.own }).click();
  await at(t.editor.own); // the same component as the page before has
  await close();
});
