// Checks a statement of yanzhen's with a JWK set, and prints what it says.
// usage: node verify.mjs JWKS STATEMENT TYPE
import { readFileSync } from 'node:fs';
import { compactVerify, createLocalJWKSet } from 'jose';

const [keys, signed, type] = process.argv.slice(2);
const set = createLocalJWKSet(JSON.parse(readFileSync(keys, 'utf8')));
const { payload, protectedHeader } = await compactVerify(readFileSync(signed, 'utf8').trim(), set, { algorithms: ['EdDSA'] });
if (protectedHeader.typ !== type) throw new Error(`typ is ${protectedHeader.typ}`);
console.log(new TextDecoder().decode(payload));
