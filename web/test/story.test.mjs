// What a customer does in the portal with the endpoint of each system: from the link to an endpoint that is made, tested,
// broken, understood and mended, until what failed has arrived. Every run samples the languages and widths; with
// GANCHO_TEST_LONG=1 each system is told in each language at each width.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  choose,
  customers,
  diagnosis,
  open,
  overflow,
  screenshot,
  startBrowser,
  startReceiver,
  startServer,
  stumbles,
  texts,
  until,
} from "./bed.mjs";

const wide = 1440;
const narrow = 360;

// Each system at least once; each language and each look twice, both widths in each language.
const sample = [
  ["prolibu", "en", narrow],
  ["upnify", "pt", wide],
  ["kobra", "es", narrow],
  ["catacliente", "pt", narrow],
  ["cabaprop", "es", wide],
  ["kobra", "en", wide],
];
const all = ["prolibu", "upnify", "kobra", "catacliente", "cabaprop"].flatMap((system) =>
  ["es", "pt", "en"].flatMap((language) => [wide, narrow].map((width) => [system, language, width])),
);
const stories = process.env.GANCHO_TEST_LONG === "1" ? all : sample;

// Colours of products: dark, pale and without any colour. Words in them can be read in every look.
const accents = ["#1c4e80", "#f2c200", "#111111"];
const refused = { status: 401, body: "who are you?" };
const nothing = { status: 404, body: "nothing here" };
const webPage = { status: 200, type: "text/html", body: "<!doctype html><title>Welcome</title>Welcome to our shop" };
const asJSON = (r) => assert.deepEqual(JSON.parse(r.body), r.payload);

/** The field of a secret; a screen reader says of one that is needed that it is. */
const secretField = (page, contract, setting) => {
  const { title } = contract.settings.properties[setting];
  return page.locator("input[type=password]").and(page.getByLabel(title));
};

/** How a token in a header is entered; a receiver that has another one refuses the request. */
const token = (setting, header) => ({
  fill: (page, contract, secret) => secretField(page, contract, setting).fill(secret),
  needed: (page, contract) => secretField(page, contract, setting),
  secret: (r) => r.headers[header],
  breaks: { says: "unauthorized", reason: "status_4xx", changes: "secret" },
});

/** What is particular about each system: its form, how its receiver breaks, and what is on the wire. */
const systems = {
  prolibu: {
    ...token("authorization", "authorization"),
    event: "invoice_create",
    check: (r) => {
      asJSON(r);
      assert.equal(r.headers["content-type"], "application/json");
    },
  },
  kobra: { ...token("api_key", "api-key"), event: "visit.finished", check: asJSON },
  upnify: {
    event: "venta.nueva",
    fill: async (page, contract, secret, t) => {
      const { key, value } = contract.settings.properties.pairs.items.properties;
      const first = page.getByLabel(`${key.title} 1`, { exact: true });
      if ((await first.count()) === 0) await page.getByRole("button", { name: t.form.addPair }).click();
      await first.fill("X-Token");
      await page.getByLabel(`${value.title} 1`, { exact: true }).fill(secret);
    },
    secret: (r) => r.headers["x-token"],
    breaks: { says: "not_found", reason: "status_4xx", changes: "address", answer: nothing },
    check: asJSON,
  },
  catacliente: {
    event: "interest_level",
    breaks: { says: "html_page", reason: "body_rule", changes: "address", answer: webPage },
    check: (r) => {
      asJSON(r);
      assert.match(r.body, /^[ -~]+$/, "the body has bytes beyond ASCII");
    },
  },
  cabaprop: {
    event: "create.message",
    once: true,
    breaks: { says: "no_answer_in_time", reason: "timeout", changes: "receiver" },
    check: (r) => {
      const id = r.payload.conversationId;
      assert.equal(r.body, `{"apiKey":"${r.apiKey}","type":"message","action":"create.message","id":${id}}`);
    },
  },
};

let server;
let receiver;
let browser;
const receivers = {}; // what the receiver of each story answers, by its path

before(async () => {
  [server, receiver, browser] = await Promise.all([
    startServer(),
    startReceiver(({ url, headers }) => receivers[url]?.({ headers })),
    startBrowser(),
  ]);
});
after(async () => {
  await browser?.close();
  await receiver?.stop();
  await server?.stop();
});

for (const [i, [system, language, width]] of stories.entries()) {
  const dark = i % 2 === 1;
  test(`the story of ${system} (${language}, ${width} px${dark ? ", dark" : ""})`, async () => {
    // The browser speaks another language: the link decides.
    const locale = language === "en" ? "es-MX" : "en-US";
    const { page, wrong, close } = await open(browser, { locale, width, height: width === narrow ? 780 : 900, dark });
    try {
      await story(page, systems[system], { system, language, width, accent: accents[i % accents.length] });
      assert.deepEqual(wrong, []);
    } catch (e) {
      await screenshot(page, `failed-${system}-${language}-${width}`);
      throw e;
    } finally {
      await close();
    }
  });
}

async function story(page, of, { system, language, width, accent }) {
  const t = customers(await texts(language));
  // Where one system is in sight its own word stands for an endpoint; the portal shows several.
  const own = customers(await texts(language, { one: "webhook", many: "webhooks", gender: "masculine" }));
  const tenant = `story-${system}-${language}-${width}`;
  const contract = await server.call("GET", `/v1/contracts/${system}?lang=${language}`);
  const event = contract.events.find((e) => e.name === of.event);
  const type = contract.event_types.find((e) => e.name === of.event);
  const payload = JSON.parse(event.example);
  const address = `/${tenant}/hooks`;
  const elsewhere = `/${tenant}/new`;
  const got = (path = address) => receiver.got.filter((r) => r.path === path);

  await server.call("PUT", `/v1/tenants/${tenant}`, { name: "Acme" });
  const link = await server.call("POST", `/v1/tenants/${tenant}/portal-links`, {
    lang: language,
    accent,
    name: "Ana",
  });
  const well = { status: 200, type: "application/json", body: '{"received":true}' };
  let secret = "first-secret-1";
  receivers[address] = (r) => (of.secret && of.secret(r) !== secret ? refused : well);

  const nobodyStumbles = async () => {
    assert.deepEqual(await stumbles(page), []);
    assert.ok((await overflow(page)) <= 0, "something sticks out");
  };
  const go = async (name) => {
    if (width === narrow) await page.getByRole("button", { name: t.common.menu }).click();
    await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  };
  const button = (name) => page.getByRole("button", { name, exact: true });
  const url = page.getByRole("textbox", { name: own.form.url, exact: true });
  const verdict = page.getByRole("status");
  const dialog = page.getByRole("dialog");

  await page.goto(link.url);
  await page.getByText(t.endpoints.empty).waitFor(); // the first page
  assert.equal(await page.locator("html").getAttribute("lang"), language === "pt" ? "pt-BR" : language);
  assert.ok(!page.url().includes("#"), "the token stays in the address");
  await nobodyStumbles();

  // It makes an endpoint; what was typed stays where it is wrong.
  await page.getByRole("link", { name: t.endpoints.new }).click();
  await choose(page, page.getByRole("combobox", { name: t.form.contract, exact: true }), contract.title);
  const name = page.getByRole("textbox", { name: own.form.name, exact: true });
  await name.fill("Acme 1");
  if (contract.endpoint.max_event_types === 1) {
    await page.getByRole("combobox", { name: own.form.eventType, exact: true }).click();
    await page.getByRole("group").getByText(type.group, { exact: true }).waitFor();
    await page.getByRole("option", { name: type.title }).first().click();
  }
  await url.fill("not an address");
  await button(own.form.create).click();
  await page.locator("[aria-invalid=true]").first().waitFor();
  assert.equal(await url.getAttribute("aria-invalid"), "true");
  assert.equal(await url.inputValue(), "not an address");
  if (of.needed) assert.equal(await of.needed(page, contract).getAttribute("aria-invalid"), "true");
  await nobodyStumbles();
  await url.fill(receiver.url + address);
  await of.fill?.(page, contract, secret, own);

  // It is tried without being stored or sent, and every attempt that failed is the last one.
  if (!of.once) {
    await button(own.form.advanced).click();
    await button(own.form.own).click();
    for (let n = contract.delivery.retry.length; n > 1; n--) await button(own.form.removeAttempt(n)).click();
    await button(own.form.tryDry).click();
    await page.getByRole("region", { name: own.test.request }).getByText(address).first().waitFor();
    assert.equal(got().length, 0, "a dry trial sends something");
    await nobodyStumbles();
  }
  await button(own.form.create).click();
  let apiKey;
  if (contract.endpoint.needs_credential) {
    await page.getByText(own.keys.once).waitFor();
    apiKey = await page.locator("code").first().textContent();
    await nobodyStumbles();
    await button(own.form.goTest).click();
  }

  // It is tested, and works. Where the time is short, a busy machine is given another try.
  const works = diagnosis(language, "success");
  await button(own.test.run).click();
  await until(async () => {
    if ((await verdict.filter({ hasText: works }).count()) > 0) return true;
    if (of.once && (await verdict.count()) > 0) await page.getByRole("button", { name: own.test.again }).click();
    return false;
  });
  await nobodyStumbles();
  if (of.secret) assert.equal(of.secret(got()[0]), secret, "the secret of the form did not arrive");
  const tested = got().length;

  // The receiver breaks while one looks at the list, and two events come.
  const { says, reason, changes, answer } = of.breaks;
  if (changes === "secret") secret = "second-secret-2";
  else if (changes === "address") receivers[address] = () => answer;
  else receivers[address] = () => undefined; // it never answers
  receivers[elsewhere] = () => well;
  await go(t.nav.deliveries);
  const rows = page.getByRole("listitem").filter({ has: page.getByRole("link") });
  await rows.first().waitFor();
  const publish = () =>
    server.call("POST", `/v1/tenants/${tenant}/events`, { contract: system, type: of.event, payload });
  await publish();
  await publish();
  const failed = rows.filter({ hasText: t.deliveryState.failed }).filter({ hasText: t.reason[reason] });
  await failed.nth(1).waitFor();
  assert.equal(await failed.filter({ hasText: type.title }).filter({ hasText: "Acme 1" }).count(), 2);
  await nobodyStumbles();

  // It is read why.
  await failed.first().getByRole("link").click();
  await page.getByText(diagnosis(language, says)).first().waitFor();
  const why = page.getByRole("region", { name: own.why.title, exact: true });
  await why.getByText(type.title, { exact: false }).first().waitFor();
  await page.getByText(own.delivery[of.once ? "at_most_once" : "at_least_once"], { exact: true }).waitFor();
  await page.getByRole("button", { name: own.delivery.curl }).waitFor();
  assert.equal(await button(own.delivery.retry).count(), of.once ? 0 : 1);
  await nobodyStumbles();
  await screenshot(page, `story-${system}-${language}-${width}`);

  // It is mended: with the new secret, with the right address, or at the receiver.
  if (changes === "receiver") receivers[address] = () => well;
  else {
    await page.getByRole("link", { name: "Acme 1" }).click();
    await page.getByRole("link", { name: own.common.edit }).click();
    if (changes === "secret") await of.fill(page, contract, secret, own);
    else await url.fill(receiver.url + elsewhere);
    await button(own.common.save).click();
    await page.getByText(own.endpoints.saved).waitFor();
    if (of.secret) await page.getByText("********").first().waitFor();
    assert.ok(!/(first|second)-secret/.test(await page.content()), "a secret is shown");
    await nobodyStumbles();
  }

  // What failed is sent again from the list, as far as the system lets it.
  await go(t.nav.deliveries);
  await button(t.deliveries.selectAll).click();
  await button(t.bulk.retry).click();
  if (of.once) {
    await dialog.getByText(t.bulk.willRetry("0", false)).waitFor();
    await dialog.getByText(`2 · ${t.bulk.left.at_most_once}`).waitFor();
    assert.ok(await dialog.getByRole("button", { name: t.bulk.startRetry }).isDisabled());
    await nobodyStumbles();
    await page.keyboard.press("Escape");
    await until(async () => {
      await publish();
      return (
        (await rows.filter({ hasText: t.deliveryState.delivered }).filter({ hasNotText: t.deliveries.test }).count()) >
        0
      );
    });
  } else {
    await dialog.getByText(t.bulk.willRetry("2", false)).waitFor();
    await nobodyStumbles();
    await dialog.getByRole("button", { name: t.bulk.startRetry }).click();
    await dialog.getByText(t.bulk.doneRetry("2")).waitFor();
    await page.keyboard.press("Escape");
    await until(async () => (await rows.filter({ hasText: t.deliveryState.delivered }).count()) === 3);
  }
  await dialog.waitFor({ state: "detached" });

  // The page of a delivery says that it has arrived, and the receiver has what the system promises.
  await rows.filter({ hasText: t.deliveryState.delivered }).first().getByRole("link").click();
  await page.getByText(works).first().waitFor();
  await why.getByText(type.title, { exact: false }).first().waitFor();
  await nobodyStumbles();
  const before = got().slice(tested, tested + 2);
  const again = changes === "address" ? got(elsewhere) : got().slice(tested + 2);
  if (!of.once) assert.deepEqual(again.map((r) => r.body).sort(), before.map((r) => r.body).sort());
  for (const r of again) {
    of.check({ ...r, payload, apiKey });
    if (of.secret) assert.equal(of.secret(r), secret);
  }

  // It disables the endpoint, and then deletes it.
  await go(t.nav.endpoints);
  const menu = page.getByRole("button", { name: t.endpoints.menu("Acme 1") }).first();
  await menu.click();
  await page.getByRole("menuitem", { name: t.endpoints.disable }).click();
  await dialog.getByRole("button", { name: t.endpoints.disable }).click();
  await page.getByText(t.endpointState.disabled, { exact: true }).filter({ visible: true }).first().waitFor();
  await menu.click();
  await page.getByRole("menuitem", { name: t.common.delete }).click();
  await dialog.getByRole("button", { name: t.common.delete }).click();
  if (contract.endpoint.needs_credential) {
    await page
      .getByText(t.problem.codes.endpoint_of_credential ?? /belongs to a credential/)
      .first()
      .waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await go(t.credentials.title);
    await menu.click();
    await page.getByRole("menuitem", { name: t.common.delete }).click();
    await dialog.getByRole("button", { name: t.common.delete }).click();
    await page.getByText(t.credentials.empty).waitFor();
  } else await page.getByText(t.endpoints.empty).waitFor();
}
