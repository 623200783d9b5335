// Signs and verifies with the official Standard Webhooks library for JavaScript,
// and, because that one does not know v1a, with Node's own ed25519.
// Reads one JSON task per line and answers each with one JSON line.
import crypto from "node:crypto";
import readline from "node:readline";
import { Webhook } from "standardwebhooks";

const realNow = Date.now;
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex"); // RFC 8410
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

const decode = (secret) => Buffer.from(secret.slice(secret.indexOf("_") + 1), "base64");
const content = (t, body) => Buffer.concat([Buffer.from(`${t.id}.${t.timestamp}.`), body]);

function run(t) {
  const body = Buffer.from(t.body, "base64");
  Date.now = () => t.now * 1000; // the library asks for the time here
  switch (t.op) {
    case "sign":
      return { signature: new Webhook(t.secret).sign(t.id, new Date(t.timestamp * 1000), body.toString("utf8")) };
    case "verify":
      new Webhook(t.secret).verify(
        body.toString("utf8"),
        { "webhook-id": t.id, "webhook-timestamp": String(t.timestamp), "webhook-signature": t.signature },
        { jsonParse: false },
      );
      return { ok: true };
    case "sign-v1a": {
      const key = crypto.createPrivateKey({
        key: Buffer.concat([ED25519_PKCS8, decode(t.secret).subarray(0, 32)]), format: "der", type: "pkcs8",
      });
      return { signature: "v1a," + crypto.sign(null, content(t, body), key).toString("base64") };
    }
    case "verify-v1a": {
      const key = crypto.createPublicKey({ key: Buffer.concat([ED25519_SPKI, decode(t.secret)]), format: "der", type: "spki" });
      const ok = t.signature.split(" ").some((s) => s.startsWith("v1a,") &&
        crypto.verify(null, content(t, body), key, Buffer.from(s.slice(4), "base64")));
      if (!ok) throw new Error("No matching signature found");
      return { ok: true };
    }
  }
  throw new Error(`unknown task ${t.op}`);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = run(JSON.parse(line));
  } catch (e) {
    answer = { error: String(e.message) };
  }
  Date.now = realNow;
  process.stdout.write(JSON.stringify(answer) + "\n");
}
