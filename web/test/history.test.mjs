// A million deliveries in a real database: one can scroll deep, come back, and jump
// by time and by filter. Only what is in sight is drawn, and only that is held.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { choose, patience, signedIn, startBrowser, startServer, texts } from "./bed.mjs";

const total = 1_000_000;
const longest = 10_000; // rows of one list; it goes on in another
const data = mkdtempSync(path.join(os.tmpdir(), "gancho-history-"));

let server;
let browser;
let t;

before(async () => {
  const key = randomBytes(32).toString("base64");
  execFileSync(
    "go",
    ["test", "./internal/store", "-run", "^$", "-bench", "^BenchmarkFillHistory$", "-benchtime", "1x"],
    {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        ...process.env,
        GANCHO_HISTORY_FILE: path.join(data, "gancho.db"),
        GANCHO_ENCRYPTION_KEY: key,
        GANCHO_BENCH_ROWS: String(total),
      },
    },
  );
  [server, browser, t] = await Promise.all([
    startServer("--data", data, "--encryption-key", key, "--log-level", "error"),
    startBrowser(),
    texts("pt"),
  ]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(data, { recursive: true, force: true });
});

/** What is drawn: the place of each row in the list, and which delivery it is, counted from the oldest. */
const drawn = (page) =>
  page.evaluate(() => {
    const digits = "0123456789abcdefghjkmnpqrstvwxyz";
    const number = (id) => {
      let n = 0n;
      for (const c of id.slice(4)) n = n * 32n + BigInt(digits.indexOf(c));
      return Number((n >> 18n) & 0xffffffffn); // 2 bits of padding and 16 that number an event's deliveries come after it
    };
    return [...document.querySelectorAll(".rows [role=listitem]")].map((row) => ({
      place: Number(row.getAttribute("aria-posinset")),
      number: number(row.querySelector("a").getAttribute("href").split("/").pop()),
    }));
  });

/** Waits until nothing in sight is missing; says what is drawn. */
async function settled(page) {
  await page.waitForFunction(() => {
    const box = document.querySelector(".rows");
    if (!box) return false;
    const { top, bottom } = box.getBoundingClientRect();
    const inSight = [...box.querySelectorAll("[role=list] > *")].filter(
      (x) => x.getBoundingClientRect().bottom > top && x.getBoundingClientRect().top < bottom,
    );
    return inSight.length > 0 && inSight.every((x) => x.role === "listitem");
  });
  return drawn(page);
}

/** Bytes that the page really needs. */
async function heap(devtools) {
  await devtools.send("HeapProfiler.collectGarbage");
  return (await devtools.send("Runtime.getHeapUsage")).usedSize;
}

/** Scrolls to the end of what is known, and waits until more is. */
async function deeper(page) {
  const height = await page.evaluate(() => {
    const box = document.querySelector(".rows");
    box.scrollTo(0, box.scrollHeight);
    return box.scrollHeight;
  });
  await page.waitForFunction((h) => document.querySelector(".rows").scrollHeight > h, height, { polling: 20 });
}

const scrollTo = (page, share) =>
  page.locator(".rows").evaluate((box, x) => box.scrollTo(0, box.scrollHeight * x), share);

/** What is drawn must be the deliveries that belong at these places, each once. */
function check(rows, newest) {
  assert.ok(rows.length > 5 && rows.length < 80, `${rows.length} rows are drawn`);
  for (const [i, row] of rows.entries()) {
    assert.equal(row.place, rows[0].place + i, "a place is empty, or taken twice");
    assert.equal(row.number, newest + 1 - row.place, `another delivery than the one of place ${row.place}`);
  }
}

test("a million deliveries are scrolled through, and left behind", async (test) => {
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/deliveries");
  const devtools = await page.context().newCDPSession(page);
  const times = [];
  page.on("requestfinished", (r) => r.url().includes("/deliveries?") && times.push(r.timing().responseEnd));
  check(await settled(page), total - 1);
  const size = 100; // of a page
  let known = size;
  for (; known < longest / 5; known += size) await deeper(page);
  const few = await heap(devtools);
  const began = performance.now();
  for (; known < longest; known += size) {
    await deeper(page);
    if (known % 1000 === 0) check(await settled(page), total - 1);
  }
  const took = performance.now() - began;
  await scrollTo(page, 1);
  const older = page.getByRole("link", { name: t.deliveries.older });
  await older.waitFor();
  check(await drawn(page), total - 1);

  // Pages that were let go are asked for again.
  const asked = times.length;
  for (const share of [0.5, 0.1, 0.9, 0]) {
    await scrollTo(page, share);
    const rows = await settled(page);
    check(rows, total - 1);
    assert.ok(Math.abs(rows[0].place - share * longest) < 100, `place ${rows[0].place} at ${share} of the list`);
  }
  for (const deadline = Date.now() + patience; times.length === asked; ) {
    assert.ok(Date.now() < deadline, "nothing is asked for again, so everything is held");
    await scrollTo(page, 1);
    await page.waitForTimeout(6000); // longer than a page out of sight is kept
    await scrollTo(page, 0.5);
    check(await settled(page), total - 1);
  }
  const many = await heap(devtools);
  assert.ok(many - few < 8 << 20, `${longest} rows need ${many - few} bytes more than ${longest / 5}`);
  await scrollTo(page, 1);
  await older.click();
  await page.waitForURL((u) => u.searchParams.has("until"));
  await page.waitForFunction(() => document.querySelector(".rows")?.scrollTop === 0);
  check(await settled(page), total - longest);

  times.sort((a, b) => a - b);
  test.diagnostic(
    `${times.length} answers: half within ${times[times.length >> 1].toFixed(1)} ms, 95 % within ${times[Math.floor(times.length * 0.95)].toFixed(1)} ms, the slowest ${times.at(-1).toFixed(1)} ms`,
  );
  test.diagnostic(
    `a page further every ${(took / ((longest * 0.8) / size)).toFixed(0)} ms; ${((many - few) / 1024).toFixed(0)} KiB more of memory for ${longest} rows than for ${longest / 5}`,
  );
  assert.deepEqual(wrong, []);
  await close();
});

test("one jumps to a time, a state and a type", async () => {
  const newest = Date.parse((await server.call("GET", "/v1/tenants/acme/deliveries?limit=1")).items[0].created_at);
  const oldest = newest - (total - 1) * 1000;
  const { page, wrong, close } = await signedIn(browser, server, t, "/t/acme/deliveries");
  const until = new Date(Math.floor((oldest + 900_000) / 60_000) * 60_000); // there is one a second
  const local = new Date(until.getTime() - until.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  await page.getByLabel(t.deliveries.until, { exact: true }).fill(local);
  const first = Math.ceil((until.getTime() - oldest) / 1000) - 1;
  await page.waitForURL((u) => u.searchParams.has("until"));
  for (const deadline = Date.now() + patience; (await settled(page))[0].number !== first; )
    assert.ok(Date.now() < deadline, "the list does not begin at that time");
  // To the very first one.
  for (let rows = await settled(page); rows.at(-1).number !== 0; rows = await settled(page)) {
    check(rows, first);
    await scrollTo(page, 1);
  }
  check(await drawn(page), first);

  // One in a thousand failed, 20 are of a rare type: nearly all pages that are looked at are empty.
  const places = async (search, wanted) => {
    await page.goto(`${server.url}/t/acme/deliveries?${search}`);
    let rows = await settled(page);
    for (; rows.at(-1).number !== wanted.at(-1); rows = await settled(page)) await scrollTo(page, 1);
    assert.ok(rows.length < 80);
    for (const row of rows) assert.equal(row.number, wanted[row.place - 1]);
  };
  const numbers = (step, below) =>
    Array.from({ length: Math.ceil((below - 7) / step) }, (_, i) => 7 + i * step).reverse();
  await places("state=failed", numbers(1000, total - 20_000));
  await places("type=rare", numbers(50_000, total));
  await page.goto(`${server.url}/t/acme/deliveries?type=never.was`);
  await page.getByText(t.deliveries.emptyFilter).waitFor();
  await choose(page, page.getByRole("combobox", { name: t.common.state }), t.deliveryState.failed);
  await page.waitForURL((u) => u.searchParams.has("state"));
  await page.getByText(t.deliveries.emptyFilter).waitFor();
  assert.deepEqual(wrong, []);
  await close();
});
