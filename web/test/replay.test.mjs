// Many deliveries: selected one by one or all that match, sent again, taken back while they wait; found by a text in their
// payload and by filters with names. On a narrow screen a row says which endpoint and why, and the filters fold.
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
  await server.call("PUT", "/v1/tenants/acme", { name: "Acme" });
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

const states = async () => {
  const n = {};
  const list = await server.call("GET", "/v1/tenants/acme/deliveries?limit=200");
  for (const d of list.items) n[d.state] = (n[d.state] ?? 0) + 1;
  return n;
};

test("deliveries are selected, sent again, cancelled, searched and their filters saved", async () => {
  const make = (name, path, type, more) =>
    server.call("POST", "/v1/tenants/acme/endpoints", { name, url: receiver.url + path, event_types: [type], ...more });
  await make("Roto", "/broken", "bad", { retry: ["0s"] });
  const paused = await make("En pausa", "/hooks", "later", { state: "paused" });
  await server.call("POST", "/v1/tenants/acme/events", [
    ...["A-17", "A-18", "B-19"].map((order) => ({ type: "bad", payload: { order } })),
    ...[1, 2, 3, 4].map((n) => ({ type: "later", payload: { order: `C-${n}` } })),
  ]);
  await until(async () => (await states()).failed === 3);

  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/deliveries");
  const dialog = page.getByRole("dialog");
  const boxes = page.locator(".rows [role=listitem] input[type=checkbox]");

  // Two are sent again, and fail again.
  await choose(page, page.getByRole("combobox", { name: t.common.state }), t.deliveryState.failed);
  await until(async () => (await boxes.count()) === 3);
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  await page.getByText(t.deliveries.selected("2")).waitFor();
  await page.getByRole("button", { name: t.bulk.retry, exact: true }).click();
  await dialog.getByText(t.bulk.willRetry("2", false)).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByRole("button", { name: t.bulk.startRetry }).click();
  await dialog.getByText(t.bulk.doneRetry("2")).waitFor();
  await page.keyboard.press("Escape");
  await until(async () => (await states()).failed === 3);

  // All that match are taken back, and nothing else.
  await page.goto(`${server.url}/t/acme/deliveries`);
  await page.getByRole("button", { name: t.deliveries.selectAll }).click();
  await page.getByRole("button", { name: t.bulk.cancel, exact: true }).click();
  await dialog.getByText(t.bulk.willCancel("4", false)).waitFor();
  await dialog.getByRole("button", { name: t.bulk.startCancel }).click();
  await dialog.getByText(t.bulk.doneCancel("4")).waitFor();
  await page.keyboard.press("Escape");
  assert.deepEqual(await states(), { failed: 3, cancelled: 4 });
  await server.call("POST", `/v1/tenants/acme/endpoints/${paused.id}/resume`);
  await page.getByText(t.reason.by_person).first().waitFor();

  // A text in the payload.
  await page.getByLabel(t.deliveries.contains).fill("A-1");
  await page.getByText(t.deliveries.searched("7", "7")).waitFor();
  assert.equal(await page.locator(".found-row").count(), 2);
  await screenshot(page, "replay-search");
  assert.deepEqual(await stumbles(page), []);
  assert.ok(!page.url().includes("A-1"), "what was searched for is in the address");

  // All that the search finds are sent again, and nothing else; nobody sees for what it looked.
  await page.getByRole("button", { name: t.deliveries.selectAll }).click();
  await page.getByRole("button", { name: t.bulk.retry, exact: true }).click();
  await dialog.getByText(t.bulk.willRetry("2", false)).waitFor();
  await dialog.getByText(t.bulk.searched("A-1")).waitFor();
  await screenshot(page, "replay-search-all");
  assert.deepEqual(await stumbles(page), []);
  await dialog.getByRole("button", { name: t.bulk.startRetry }).click();
  await dialog.getByText(t.bulk.doneRetry("2")).waitFor();
  await page.keyboard.press("Escape");
  await until(async () => (await states()).failed === 3);
  const actions = await server.call("GET", "/v1/tenants/acme/bulk-actions?limit=1");
  assert.equal(actions.items[0].searched, true);
  assert.ok(!JSON.stringify(actions).includes("A-1"), "what was searched for is shown");
  await page.getByLabel(t.deliveries.contains).fill("");

  // A filter with a name, by days.
  await choose(page, page.getByRole("combobox", { name: t.deliveries.period }), t.deliveries.periods.yesterday);
  await page.getByText(t.deliveries.emptyFilter).waitFor();
  await page.getByRole("button", { name: t.deliveries.saved }).click();
  await page.getByLabel(t.deliveries.savedName).fill("De ayer");
  await page.getByRole("button", { name: t.deliveries.save, exact: true }).click();
  await page.goto(`${server.url}/t/acme/deliveries`);
  await page.getByRole("button", { name: t.deliveries.saved }).click();
  await page.getByRole("button", { name: "De ayer", exact: true }).click();
  await page.getByText(t.deliveries.emptyFilter).waitFor();
  assert.match(page.url(), /period=yesterday/);

  assert.deepEqual(wrong, []);
  await close();
});

test("what waits for an endpoint is cancelled on its page; a bulk action is seen and stopped after its dialog is closed", async () => {
  await server.call("PUT", "/v1/tenants/bolt", { name: "Bolt" });
  const e = await server.call("POST", "/v1/tenants/bolt/endpoints", {
    name: "Lento",
    url: `${receiver.url}/hooks`,
    state: "paused",
  });
  for (let i = 0; i < 8; i++)
    await server.call(
      "POST",
      "/v1/tenants/bolt/events",
      Array.from({ length: 1000 }, () => ({ type: "many", payload: {} })),
    );
  const { page, wrong, close } = await signedIn(browser, server, t, `/t/bolt/endpoints/${e.id}`);
  const dialog = page.getByRole("dialog");
  const n = new Intl.NumberFormat("es").format(8000);
  await page.getByRole("button", { name: t.bulk.cancel, exact: true }).click();
  await dialog.getByText(t.bulk.willCancel(n, false)).waitFor();
  await dialog.getByRole("button", { name: t.bulk.startCancel }).click();
  await dialog.getByText(t.bulk.doneCancel(n)).waitFor();
  await page.keyboard.press("Escape");

  await page.goto(`${server.url}/t/bolt/deliveries`);
  await page.getByRole("button", { name: t.deliveries.selectAll }).click();
  await page.getByRole("button", { name: t.bulk.retry, exact: true }).click();
  await dialog.getByText(t.bulk.willRetry(n, false)).waitFor();
  await dialog.getByRole("button", { name: t.bulk.startRetry }).click();
  await dialog.getByText(t.bulk.background).waitFor();
  await page.reload();
  const lines = page.getByRole("group", { name: t.bulk.actions });
  await lines.getByText(t.bulk.retrying("#", n).split("#")[0]).waitFor();
  await lines.getByText(t.bulk.retrying("#", n).split("#")[1]).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "replay-running");
  await lines.getByRole("button", { name: t.bulk.stop, exact: true }).click();
  await lines.getByRole("button", { name: t.bulk.ended("2") }).click();
  await lines.getByText(t.bulk.stopped("#").split("#")[0]).filter({ hasText: t.bulk.why.by_person }).waitFor();
  await lines.getByText(t.bulk.doneCancel(n)).waitFor();
  assert.equal(await lines.getByRole("button", { name: t.bulk.stop, exact: true }).count(), 0);
  assert.deepEqual(await stumbles(page), []);
  assert.deepEqual(wrong, []);
  await close();
});

test("at 360 px a row says which endpoint and why, and the filters fold", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/deliveries", { width: 360, height: 740 });
  const row = page.locator(".rows [role=listitem]").last();
  await row.getByText("Roto").waitFor();
  await row.getByText(t.reason.status_5xx).waitFor();
  assert.equal(await page.getByLabel(t.deliveries.contains).isVisible(), false);
  await page.getByRole("button", { name: t.deliveries.filters("0"), exact: true }).click();
  await page.getByLabel(t.deliveries.contains).waitFor();
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await stumbles(page), []);
  await screenshot(page, "replay-360");
  assert.deepEqual(wrong, []);
  await close();
});
