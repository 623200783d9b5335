// Payloads of many megabytes: a page shows the first part of one, stays responsive, and keeps every byte.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { adminKey, signedIn, startBrowser, startReceiver, startServer, texts } from "./bed.mjs";

let server;
let receiver;
let browser;
let t;

before(async () => {
  [server, receiver, browser, t] = await Promise.all([
    startServer("--max-payload", "16MiB"),
    startReceiver(),
    startBrowser(),
    texts("en"),
  ]);
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
  await server.call("POST", "/v1/tenants/acme/endpoints", { name: "CRM", url: `${receiver.url}/hooks` });
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

/** Publishes a payload as it is written, and says which event it became. */
async function publish(payload) {
  const answer = await fetch(`${server.url}/v1/tenants/acme/events`, {
    method: "POST",
    headers: { Authorization: `Bearer ${adminKey}`, "Content-Type": "application/json" },
    body: `{"type":"order.paid","payload":${payload}}`,
  });
  assert.equal(answer.status, 202, await answer.clone().text());
  return (await answer.json()).id;
}

/** Some 12 MB with what reading and writing would change: white space, a large number, an escape. */
function largePayload() {
  const item =
    '{ "n":12345678901234567890,"s":"\\u00e3 \\"quoted\\" [not a list]","empty":{ },"list":[1.50,true,null] }';
  const rows = [];
  for (let size = 0; size < 12_000_000; size += item.length + 1) rows.push(item);
  return `{"rows":[${rows.join(",")}],"end":"here"}`;
}

test("a payload of 12 MB is formatted beside the page, and kept to the byte", async () => {
  const payload = largePayload();
  const event = await publish(payload);
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/events");

  // The worker is held up for as long as the test wants, as if its work took that long.
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route(/pretty\.worker/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${server.url}/t/acme/events/${event}`);
  const shown = page.getByRole("region", { name: t.events.payload });
  await shown.waitFor();
  assert.equal(await shown.getAttribute("aria-busy"), "true");
  assert.ok(payload.startsWith(await shown.textContent()), "it begins as it was sent");

  // It is at work, and the page answers: more of the text, the colours, the menu.
  const length = (await shown.textContent()).length;
  await page.getByRole("button", { name: t.common.more }).click();
  await page.waitForFunction(([el, n]) => el.textContent.length > n, [await shown.elementHandle(), length]);
  await page.getByRole("button", { name: t.theme.toggle }).click();
  await page.locator('html[data-mantine-color-scheme="dark"]').waitFor();
  assert.equal(await shown.getAttribute("aria-busy"), "true");

  release();
  await page.getByRole("radio", { name: t.delivery.formatted }).waitFor({ state: "attached" });
  const nice = await shown.textContent();
  assert.ok(
    nice.startsWith(
      '{\n  "rows": [\n    {\n      "n": 12345678901234567890,\n      "s": "\\u00e3 \\"quoted\\" [not a list]",\n' +
        '      "empty": {},\n      "list": [\n        1.50,\n        true,\n        null\n      ]\n    },\n',
    ),
    nice.slice(0, 300),
  );
  await page.getByRole("button", { name: t.common.more }).click();
  await page.waitForFunction(([el, n]) => el.textContent.length > n, [await shown.elementHandle(), nice.length]);
  assert.ok((await shown.textContent()).startsWith(nice), "the next piece follows the first");

  await page.getByText(t.delivery.raw, { exact: true }).click();
  await page.waitForFunction((el) => !el.textContent.includes("\n"), await shown.elementHandle());
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: `${t.delivery.download}: ${t.events.payload}` }).click(),
  ]);
  assert.equal(download.suggestedFilename(), `${event}.json`);
  assert.ok(readFileSync(await download.path()).equals(Buffer.from(payload)), "every byte is in the file");
  assert.deepEqual(wrong, []);
  await close();
});

test("the body of a large request is read by itself", async () => {
  const payload = `[${"0,".repeat(1_000_000)}1]`;
  const event = await publish(payload);
  await receiver.wait((r) => r.body === payload);
  const { page, wrong, close } = await signedIn(browser, server, t, `/t/acme/events/${event}`);
  await page.getByRole("link", { name: "CRM" }).click();
  const body = page.getByRole("region", { name: t.delivery.body }).first();
  await body.filter({ hasText: /^\[\n {2}0,\n/ }).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});
