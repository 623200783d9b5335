// Verifies and makes signatures with Node's own cryptography. Reads a JSON list of jobs, writes a list of answers.
import crypto from "node:crypto";
import { readFileSync } from "node:fs";

const options = (algorithm, key) => {
  if (algorithm === "rsa-pss-sha256") {
    return { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST };
  }
  return algorithm === "ecdsa-sha256-raw" ? { key, dsaEncoding: "ieee-p1363" } : key;
};

const answers = JSON.parse(readFileSync(0, "utf8")).map((job) => {
  const hash = job.Algorithm === "ed25519" ? null : "sha256";
  const message = Buffer.from(job.Message, "base64");
  const signature = Buffer.from(job.Signature, "base64");
  const verify = (m) => crypto.verify(hash, m, options(job.Algorithm, job.Public), signature);
  return {
    Good: verify(message),
    Other: verify(Buffer.concat([message, Buffer.from(" ")])),
    Signature: crypto.sign(hash, message, options(job.Algorithm, job.Private)).toString("base64"),
  };
});
process.stdout.write(JSON.stringify(answers));
