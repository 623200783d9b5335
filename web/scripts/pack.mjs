// Puts what Vite built into internal/console/dist, compressed where that makes
// it smaller, so that the server never compresses anything. It also holds the
// first load to its limit.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const from = path.resolve("dist");
const to = path.resolve("../internal/console/dist");
const limit = 350 * 1024; // of the first load, with gzip

for (const name of existsSync(to) ? readdirSync(to) : []) {
  if (name !== ".gitignore") rmSync(path.join(to, name), { recursive: true });
}
const gzipped = new Map();
for (const entry of readdirSync(from, { recursive: true })) {
  const file = path.join(from, entry);
  if (statSync(file).isDirectory()) continue;
  // Pages are served at other paths than the file's; the server knows what they begin with (internal/console).
  const page = entry.endsWith(".html");
  const raw = page ? Buffer.from(readFileSync(file, "utf8").replaceAll('"./assets/', '"/assets/')) : readFileSync(file);
  const out = path.join(to, entry);
  mkdirSync(path.dirname(out), { recursive: true });
  const gz = gzipSync(raw, { level: 9 });
  gzipped.set(entry.split(path.sep).join("/"), gz.length);
  if (gz.length > raw.length * 0.95 && !page) {
    writeFileSync(out, raw);
    continue;
  }
  writeFileSync(`${out}.gz`, gz);
  writeFileSync(`${out}.br`, brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

// The first load of the overview: what the page names, and the pieces that every
// start of it asks for.
const page = readFileSync(path.join(from, "index.html"), "utf8");
const first = [...gzipped.keys()].filter((name) => page.includes(name) || /assets\/(Overview|en|es|pt)-/.test(name));
const size = first.reduce((sum, name) => sum + gzipped.get(name), 0);
console.log(`first load: ${(size / 1024).toFixed(0)} KiB with gzip (${first.length} files), at most ${limit / 1024}`);
if (size > limit) {
  console.error("pack: the first load is too large; import what it does not need with import()");
  process.exit(1);
}
