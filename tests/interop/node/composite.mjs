// Signs and verifies composite signatures with another ML-DSA (noble) and Node's own
// Ed25519 and Ed448, written from the IETF draft.  Reads {"direction", "jobs"} as JSON
// from standard input and writes one answer per job; bytes are hexadecimal.

import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

import { sha512 } from "@noble/hashes/sha2.js";
import { shake256 } from "@noble/hashes/sha3.js";
import { ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";

const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const ascii = (text) => new Uint8Array(Buffer.from(text, "ascii"));

const algorithms = {
  S1: {
    label: ascii("COMPSIG-MLDSA65-Ed25519-SHA512"),
    prehash: (message) => sha512(message),
    mldsa: ml_dsa65,
    publicKey: 1952,
    signature: 3309,
    curve: "Ed25519",
    pkcs8: "302e020100300506032b657004220420",
  },
  S2: {
    label: ascii("COMPSIG-MLDSA87-Ed448-SHAKE256"),
    prehash: (message) => shake256(message, { dkLen: 64 }),
    mldsa: ml_dsa87,
    publicKey: 2592,
    signature: 4627,
    curve: "Ed448",
    pkcs8: "3047020100300506032b6571043b0439",
  },
};

const representative = ({ label, prehash }, context, message) =>
  Buffer.concat([
    ascii("CompositeAlgorithmSignatures2025"),
    label,
    Uint8Array.of(context.length),
    context,
    prehash(message),
  ]);

const directions = {
  sign(algorithm, { seed, context, message }) {
    const subject = representative(algorithm, context, message);
    const { secretKey } = algorithm.mldsa.keygen(seed.subarray(0, 32));
    const key = createPrivateKey({
      key: Buffer.concat([bytes(algorithm.pkcs8), seed.subarray(32)]),
      format: "der",
      type: "pkcs8",
    });
    const first = algorithm.mldsa.sign(subject, secretKey, { context: algorithm.label });
    return hex(first) + hex(sign(null, subject, key));
  },
  verify(algorithm, { publicKey, signature, context, message }) {
    const subject = representative(algorithm, context, message);
    const x = Buffer.from(publicKey.subarray(algorithm.publicKey)).toString("base64url");
    const key = createPublicKey({
      key: { kty: "OKP", crv: algorithm.curve, x },
      format: "jwk",
    });
    const pq = algorithm.mldsa.verify(
      signature.subarray(0, algorithm.signature),
      subject,
      publicKey.subarray(0, algorithm.publicKey),
      { context: algorithm.label },
    );
    const classical = verify(null, subject, key, signature.subarray(algorithm.signature));
    return `${pq} ${classical}`;
  },
};

let input = "";
for await (const part of process.stdin) input += part;
const { direction, jobs } = JSON.parse(input);
const answers = jobs.map(({ suite, ...job }) => {
  const values = Object.fromEntries(
    Object.entries(job).map(([name, value]) => [name, bytes(value)]),
  );
  return directions[direction](algorithms[suite], values);
});
process.stdout.write(JSON.stringify(answers));
