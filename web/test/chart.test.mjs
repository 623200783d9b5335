// The overview says what happened, and says it honestly: the newest bar is there, each bar tells its numbers and leads to its
// deliveries, and no figure counts something else than its words.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
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

/** How tall the parts of the newest bar are, as they can be seen: what is outside the chart or covered is not. */
const newest = (page) =>
  page.evaluate(() => {
    const bar = [...document.querySelectorAll(".chart-bar")].at(-1);
    bar.scrollIntoView({ block: "center" });
    const box = document.querySelector(".chart").getBoundingClientRect();
    const seen = {};
    for (const part of bar.querySelectorAll("[class^=is-]")) {
      const r = part.getBoundingClientRect();
      const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
      seen[part.className] = bar.contains(top) && r.x >= box.x && r.right <= box.right && r.width >= 2 ? r.height : 0;
    }
    return seen;
  });

/** Waits until a quarter of an hour has begun that lasts: what is made in it then is in the newest bar until the tests end. */
async function earlyInQuarter() {
  const quarter = 15 * 60_000;
  const long = 3 * 60_000; // these tests take less than half a minute on a quiet machine
  while (quarter - (Date.now() % quarter) < long) await new Promise((r) => setTimeout(r, 500));
}

const list = (page) => page.locator(".rows [role=listitem]");

test("a server without endpoints does not say that all of them work", async () => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/");
  for (const path of ["/", "/t/acme"]) {
    await page.goto(server.url + path);
    await page.getByText(t.overview.noEndpoints).waitFor();
  }
  await server.call("POST", "/v1/tenants/acme/endpoints", {
    name: "Nuevo",
    url: `${receiver.url}/hooks`,
    event_types: ["never"],
  });
  await page.goto(server.url);
  await page.getByText(t.overview.unused(1, "1")).waitFor();
  assert.equal(await page.getByText(t.overview.allWell(1, "1")).count(), 0);
  assert.deepEqual(wrong, []);
  await close();
});

test("bars are drawn to the newest, say their numbers and lead to their deliveries", async () => {
  await earlyInQuarter();
  const make = (name, path, type, retry) =>
    server.call("POST", "/v1/tenants/acme/endpoints", { name, url: receiver.url + path, event_types: [type], retry });
  const good = await make("Bueno", "/hooks", "good", ["0s"]);
  await make("Roto", "/broken", "bad", ["0s"]);
  await make("Lento", "/broken", "late", ["0s", "1h"]);
  await server.call("POST", `/v1/tenants/acme/endpoints/${good.id}/test`, { event_type: "good" }); // tests do not count
  const events = [...Array(12).fill("good"), "bad", "bad", "late"].map((type, i) => ({ type, payload: i }));
  await server.call("POST", "/v1/tenants/acme/events", events);
  const totals = async () => (await server.call("GET", "/v1/stats?range=week")).totals;
  await until(async () => {
    const n = await totals();
    return n.delivered === 12 && n.failed === 2 && n.retrying === 1;
  });
  // Sent again by hand, and failed again: it is one delivery still.
  const [failed] = (await server.call("GET", "/v1/tenants/acme/deliveries?state=failed")).items;
  await server.call("POST", `/v1/tenants/acme/deliveries/${failed.id}/retry`);
  await until(async () => (await totals()).attempts === 16);

  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme");
  // What is counted is said: 12 of the 14 that ended; one waits after a failed attempt.
  await page.getByText(/^85,7\s% /).waitFor();
  await page.getByText(t.overview.rate("", 14, "14").trim()).waitFor();
  await page.getByText(t.overview.tries(1, "1")).waitFor();
  for (const range of ["hour", "day", "week"]) {
    await page.getByText(t.overview[range], { exact: true }).click();
    const points = { hour: 60, day: 96, week: 168 }[range];
    await until(async () => (await page.locator(".chart-bar").count()) === points);
    if (range === "hour") continue; // what was sent may be in the minute before
    const tall = await newest(page);
    assert.ok(
      tall["is-delivered"] > 90 && tall["is-failed"] >= 2 && tall["is-retrying"] >= 2,
      `${range}: ${JSON.stringify(tall)}`,
    );
  }
  assert.deepEqual(await stumbles(page), []);

  await screenshot(page, "chart");

  // The pointer and the keyboard get the numbers.
  const bars = page.locator(".chart-bar");
  const said = page.locator(".chart-said");
  await bars.nth(80).hover();
  await said.getByText(t.overview.nothing).waitFor();
  await bars.last().hover();
  await said.getByRole("link", { name: t.overview.count.delivered(12, "12") }).waitFor();
  await said.getByText(t.overview.count.retrying(1, "1")).waitFor();
  await bars.last().focus();
  await page.keyboard.press("ArrowLeft");
  await said.getByText(t.overview.nothing).waitFor();
  await page.keyboard.press("End");
  const words = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.ok(words.includes(t.overview.count.failed(2, "2")) && words.includes(t.overview.soFar), words);
  await page.getByText(t.overview.table).click();
  await page.getByRole("cell", { name: "12", exact: true }).waitFor();

  // A bar leads to all that ended in it, without tests; a number to those that ended so.
  await bars.last().click();
  await page.waitForURL(/\/t\/acme\/deliveries\?.*by=ended/);
  await until(async () => (await list(page).count()) === 14);
  await page.goBack(); // the period is still the one that was chosen
  await bars.last().hover();
  await said.getByRole("link", { name: t.overview.count.failed(2, "2") }).click();
  await page.waitForURL(/state=failed/);
  await until(async () => (await list(page).count()) === 2);

  // There is no list of all tenants: a bar of all says whose deliveries it has, and leads to theirs.
  await page.goto(`${server.url}/?range=day`);
  await bars.last().click();
  const whose = page.getByRole("region").filter({ has: page.getByRole("link", { name: "acme", exact: true }) });
  await whose.getByRole("link", { name: t.overview.count.delivered(12, "12") }).click();
  await page.waitForURL(/\/t\/acme\/deliveries\?.*state=delivered/);
  await until(async () => (await list(page).count()) === 12);
  assert.deepEqual(wrong, []);
  await close();
});

test("a finger gets the numbers first, then the deliveries; where a day begins at a quarter, too", async () => {
  const look = { width: 360, height: 780, touch: true, timeZone: "Asia/Kathmandu" };
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme", look);
  for (const range of ["hour", "day", "week"]) {
    await page.getByText(t.overview[range], { exact: true }).click();
    const most = { hour: 30, day: 24, week: 28 }[range];
    await until(async () => (await page.locator(".chart-bar").count()) === most);
    assert.ok((await page.locator(".chart-ticks > span").count()) >= 2, range);
    assert.ok((await overflow(page)) <= 0, `${range} sticks out`);
  }
  const tall = await newest(page);
  assert.ok(tall["is-delivered"] > 90, JSON.stringify(tall));
  await screenshot(page, "chart-narrow");
  const bars = page.locator(".chart-bar");
  await bars.nth(5).tap();
  await page.locator(".chart-said").getByText(t.overview.nothing).waitFor();
  await bars.last().tap();
  await page.locator(".chart-said").getByText(t.overview.count.delivered(12, "12")).waitFor();
  assert.deepEqual(await stumbles(page), []);
  await bars.last().tap();
  await page.waitForURL(/\/t\/acme\/deliveries\?.*by=ended/);
  await until(async () => (await list(page).count()) >= 10);
  assert.deepEqual(wrong, []);
  await close();
});
