// Seals and opens single-shot HPKE with two independent implementations.
// Reads {"direction": "seal" | "open", "jobs": [...]} as JSON from standard input and
// writes one answer per job to standard output; bytes are hexadecimal.

import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import * as noble from "@panva/hpke-noble";
import * as hpke from "hpke";

const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const exact = (data) => data.buffer.slice(data.byteOffset, data.byteOffset + data.length);

const core = {
  suite: new CipherSuite({
    kem: new XWing(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  }),
  async seal({ publicKey, info, plaintext }) {
    const recipientPublicKey = await this.suite.kem.deserializePublicKey(exact(publicKey));
    const sealed = await this.suite.seal({ recipientPublicKey, info: exact(info) }, exact(plaintext));
    return hex(sealed.enc) + hex(sealed.ct);
  },
  async open({ seed, info, enc, ciphertext }) {
    const recipientKey = await this.suite.kem.deserializePrivateKey(exact(seed));
    const parameters = { recipientKey, enc: exact(enc), info: exact(info) };
    return hex(await this.suite.open(parameters, exact(ciphertext)));
  },
};

const panva = (kem, kdf) => ({
  suite: new hpke.CipherSuite(kem, kdf, noble.AEAD_AES_256_GCM),
  async seal({ publicKey, info, plaintext }) {
    const key = await this.suite.DeserializePublicKey(publicKey);
    const sealed = await this.suite.Seal(key, plaintext, { info });
    return hex(sealed.encapsulatedSecret) + hex(sealed.ciphertext);
  },
  async open({ seed, info, enc, ciphertext }) {
    const key = await this.suite.DeserializePrivateKey(seed);
    return hex(await this.suite.Open(key, enc, ciphertext, { info }));
  },
});

const implementations = {
  "core S1": core,
  "panva S1": panva(noble.KEM_MLKEM768_X25519, noble.KDF_HKDF_SHA256),
  "panva S2": panva(noble.KEM_MLKEM1024_P384, noble.KDF_HKDF_SHA384),
};

let input = "";
for await (const part of process.stdin) input += part;
const { direction, jobs } = JSON.parse(input);
const answers = [];
for (const { implementation, ...job } of jobs) {
  const values = Object.fromEntries(
    Object.entries(job).map(([name, value]) => [name, bytes(value)]),
  );
  try {
    answers.push(await implementations[implementation][direction](values));
  } catch (error) {
    answers.push(`refused: ${error.name}`);
  }
}
process.stdout.write(JSON.stringify(answers));
