// Validates OpenAPI documents against the official schema, resolves their
// references, and says what it found in them. Reads one document per line and
// answers each with one line.
import readline from "node:readline";
import { Validator } from "@seriousme/openapi-schema-validator";

for await (const line of readline.createInterface({ input: process.stdin })) {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(JSON.parse(line));
  const found = { valid, errors: errors ?? [] };
  if (valid) {
    const doc = validator.resolveRefs();
    found.version = validator.version;
    found.webhooks = Object.keys(doc.webhooks ?? {});
    found.paths = Object.keys(doc.paths ?? {});
  }
  console.log(JSON.stringify(found));
}
