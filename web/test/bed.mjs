// A server of its own, a receiver and a browser, for each test file. Nothing is
// shared and no port is fixed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import ts from "typescript";

const web = fileURLToPath(new URL("..", import.meta.url));
const screens = path.join(web, "..", "artifacts", "screens");
const axe = readFileSync(path.join(web, "node_modules/axe-core/axe.min.js"), "utf8");

export const adminKey = "browser-test-admin-key";
export const patience = 60_000; // ms; a slow machine under load is no failure

/** A module of the pages that imports nothing. */
async function plain(file) {
  const js = ts.transpileModule(readFileSync(path.join(web, "src", file), "utf8"), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  }).outputText;
  return import(`data:text/javascript;base64,${Buffer.from(js).toString("base64")}`);
}

/** The texts of the pages in a language: what a person reads and looks for, with this noun for an endpoint if there is one. */
export async function texts(language, noun) {
  const [catalogue, { speak }] = await Promise.all([plain(`i18n/${language}.ts`), plain("i18n/noun.ts")]);
  return speak(catalogue.default, noun);
}

/** The texts as a customer in the portal reads them: some have others in their place. */
export function customers(t) {
  const put = (into, instead) =>
    Object.fromEntries(
      Object.entries(into).map(([k, v]) => [
        k,
        typeof instead[k] === "object" ? put(v, instead[k]) : (instead[k] ?? v),
      ]),
    );
  return put(t, t.portal.instead);
}

/** The title of a diagnosis in a language, whatever the words that the program puts into it. */
export function diagnosis(language, code) {
  const catalogue = readFileSync(path.join(web, "../internal/diagnose/texts", `${language}.txt`), "utf8");
  const title = catalogue.split(`\n[${code}.title]\n`)[1].split("\n", 1)[0];
  const part = /(\[\[|\]\]|\{\w+\})/;
  const pattern = (x) =>
    ({ "[[": "(?:", "]]": ")?" })[x] ?? (part.test(x) ? ".+" : x.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(title.split(part).map(pattern).join(""));
}

/** Waits until something holds. */
export async function until(holds) {
  for (const deadline = Date.now() + patience; !(await holds()); await new Promise((r) => setTimeout(r, 100)))
    assert.ok(Date.now() < deadline, `it never held: ${holds}`);
}

/** Starts the program as a person would, with more options if there are any. */
export async function startServer(...options) {
  const data = mkdtempSync(path.join(os.tmpdir(), "gancho-web-"));
  const child = spawn(
    path.join(web, "../bin/gancho"),
    [
      "serve",
      "--listen",
      "127.0.0.1:0",
      "--data",
      data,
      "--allow-networks",
      "127.0.0.0/8",
      "--log-level",
      "warn",
      ...options,
    ],
    {
      env: { ...process.env, GANCHO_ADMIN_KEY: adminKey },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const lines = readline.createInterface({ input: child.stdout });
  const url = await new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const m = /listens on (http:\S+)/.exec(line);
      if (m) resolve(m[1]);
    });
    child.once("exit", (code) => reject(new Error(`the server ended at once, with ${code}`)));
  });
  const call = async (method, at, body, key = adminKey) => {
    const answer = await fetch(url + at, {
      method,
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  return {
    url,
    call,
    pid: child.pid,
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/**
 * A receiver: /hooks takes webhooks; anything else shows a web page, as a wrong address does. A test can decide by itself
 * with choose, which gets the request and gives the answer: {status, type, body}, or undefined for none at all.
 */
export async function startReceiver(choose) {
  const got = [];
  const server = http.createServer((req, res) => {
    let body = "";
    req.on("data", (part) => (body += part));
    req.on("end", () => {
      got.push({ path: req.url, headers: req.headers, body });
      if (choose) {
        const answer = choose(req);
        if (answer) res.writeHead(answer.status, { "Content-Type": answer.type ?? "text/plain" }).end(answer.body);
      } else if (req.url === "/hooks") {
        res.setHeader("Content-Type", "application/json");
        res.end('{"received":true}');
      } else if (req.url === "/broken") {
        res.statusCode = 500;
        res.end("no");
      } else {
        res.setHeader("Content-Type", "text/html");
        res.end("<!doctype html><html><title>Welcome</title><body>Welcome to our shop</body></html>");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  /** The first request that is like this, as soon as it is there. */
  const wait = async (like) => {
    for (const deadline = Date.now() + patience; ; await new Promise((r) => setTimeout(r, 100))) {
      const found = got.find(like);
      if (found) return found;
      assert.ok(Date.now() < deadline, "the request did not arrive");
    }
  };
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    got,
    wait,
    stop: () => {
      server.closeAllConnections();
      return new Promise((r) => server.close(r));
    },
  };
}

/** A page of somebody else's, at a host name of this machine: another site than the server's 127.0.0.1. */
export async function startSite(host) {
  const site = { body: "" };
  const server = http.createServer((_, res) => {
    res.setHeader("Content-Type", "text/html; charset=utf-8");
    res.end(`<!doctype html><html lang="en"><title>Our product</title><h1>Our product</h1>${site.body}</html>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  site.url = `http://${host}:${server.address().port}`;
  site.stop = () => new Promise((r) => server.close(r));
  return site;
}

export const startBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });

/** A window of one person, who speaks a language and is not known yet. */
export async function open(
  browser,
  { locale = "en-US", width = 1440, height = 900, dark = false, touch = false, timeZone } = {},
) {
  const context = await browser.newContext({
    viewport: { width, height },
    locale,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    hasTouch: touch,
    timezoneId: timeZone,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(`error in the page: ${e.message}`));
  page.on("console", (m) => {
    // A refused request is part of some tests; anything else is a mistake of ours.
    if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) wrong.push(m.text());
  });
  return { page, wrong, close: () => context.close() };
}

/** Signs in as a person does, on the first page. */
export async function signIn(page, server, t) {
  await page.goto(server.url);
  await page.getByLabel(t.signIn.key, { exact: true }).fill(adminKey);
  await page.getByRole("button", { name: t.signIn.submit }).click();
  await page.getByRole("heading", { level: 1 }).filter({ hasNotText: t.signIn.title }).waitFor();
}

/** A window in which the operator has signed in, and is at a page. The pages are loaded once for it, not twice. */
export async function signedIn(browser, server, t, path, look) {
  const window = await open(browser, { locale: t.locale, ...look });
  const { page } = window;
  const answer = await page.request.post(`${server.url}/v1/session`, { data: { key: adminKey } });
  assert.ok(answer.ok(), await answer.text());
  await page.goto(server.url + path);
  return window;
}

// Rules that axe does not take seriously, and people who cannot see the page do.
const minor = ["empty-table-header", "landmark-unique"];

/** What a screen reader or a keyboard would stumble over; by these rules only, if there are any. */
export async function stumbles(page, rules) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const found = await page.evaluate(
    (only) =>
      window.axe.run(document, {
        resultTypes: ["violations"],
        ...(only ? { runOnly: only } : { rules: { region: { enabled: false } } }),
      }),
    rules,
  );
  return found.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical" || minor.includes(v.id))
    .map(
      (v) =>
        `${v.id}: ${v.help}: ${v.nodes
          .map((n) => `${n.html} (${n.any.map((a) => a.message).join("; ")})`)
          .slice(0, 3)
          .join("\n  ")}`,
    );
}

// Words of English that neither Spanish nor Portuguese has.
const englishWords =
  /(?<![\p{L}\p{N}_.$/-])(the|and|of|is|are|with|this|that|from|your|you|not|was|when|which|by|it|be|must|should|been|will)(?![\p{L}\p{N}_$/-])/giu;

/** English words that a person reads on a page of another language, apart from code and what tests have written. */
export const english = (page) =>
  page.evaluate(
    ([source, flags]) => {
      const words = new RegExp(source, flags);
      const found = [];
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let n = walk.nextNode(); n; n = walk.nextNode()) {
        const at = n.parentElement;
        if (!at || at.closest("script, style, pre, code, textarea, .mono, .cm-editor, [lang=en], [data-language]"))
          continue;
        if (words.test(n.data)) found.push(n.data.trim());
        words.lastIndex = 0;
      }
      for (const e of document.querySelectorAll("[aria-label], [placeholder], [title]"))
        for (const name of ["aria-label", "placeholder", "title"]) {
          const text = e.getAttribute(name);
          if (text && !e.closest(".mono, .cm-editor") && words.test(text)) found.push(`${name}: ${text}`);
          words.lastIndex = 0;
        }
      return found;
    },
    [englishWords.source, englishWords.flags],
  );

/** Puts a page into the dark or the light, with all its colours changed. */
export async function lookAt(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor();
  // Colours that are on their way jump to their end. To wait for it would wait for ever where a page makes no more frames.
  await page.evaluate(() => {
    for (const a of document.getAnimations())
      if (a.effect.getComputedTiming().endTime !== Number.POSITIVE_INFINITY) a.finish();
  });
}

/** By how many pixels something sticks out to the side, of the page or of a table. */
export const overflow = (page) =>
  page.evaluate(() =>
    Math.max(
      ...[document.documentElement, ...document.querySelectorAll(".columns-box")].map(
        (x) => x.scrollWidth - x.clientWidth,
      ),
    ),
  );

export async function screenshot(page, name) {
  mkdirSync(screens, { recursive: true });
  await page.screenshot({ path: path.join(screens, `${name}.png`) });
}

/** Chooses from a list that opens. */
export async function choose(page, field, option) {
  await field.click();
  await page.getByRole("option", { name: option }).first().click();
}
