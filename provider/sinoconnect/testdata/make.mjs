// Makes keys.json (our private keys and the signer's public ones) and
// tokens.json (name -> token). See README.md.
import { writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { CompactEncrypt, SignJWT, exportJWK, generateKeyPair, importJWK } from 'jose'

const card = {
  idType: '01', name: '测试甲', idNum: '110199199003070017', sex: '男', nation: '汉', birthDate: '19900307',
  address: '某省某市测试路1号', signingOrganization: '某市公安局测试分局',
  beginTime: '20200115', endTime: '20400115', picture: '/9j/4AAQSkZJRgABAQAAAQ==',
}
const plaintext = new TextEncoder().encode(JSON.stringify(card))

const pair = async (alg, kid, options = {}) => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true, ...options })
  return { privateKey, publicKey, jwk: { ...(await exportJWK(privateKey)), kid }, publicJwk: { ...(await exportJWK(publicKey)), kid } }
}
const rsa = await pair('RSA-OAEP-256', 'rsa-1')
const rsaNext = await pair('RSA-OAEP-256', 'rsa-2')
const ec = await pair('ECDH-ES+A256KW', 'ec-1', { crv: 'P-256' })
const ec384 = await pair('ECDH-ES+A256KW', 'ec-2', { crv: 'P-384' })
const ec521 = await pair('ECDH-ES+A256KW', 'ec-3', { crv: 'P-521' })
const stranger = await pair('RSA-OAEP-256', 'rsa-1')
const shared = randomBytes(32)
const long = randomBytes(64)
const signer = await pair('RS256', 'sig-1')
const signerEC = await pair('ES256', 'sig-2')

const seal = (bytes, header, key) => new CompactEncrypt(bytes).setProtectedHeader(header).encrypt(key)
const sign = (alg, kid, key, claims = {}) => new SignJWT({ ...card, ...claims }).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(key)
const nest = (jws) => seal(new TextEncoder().encode(jws), { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rsa-1', cty: 'JWT' }, rsa.publicKey)

const tokens = {
  'RSA-OAEP-256 A256GCM kid': await seal(plaintext, { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rsa-1' }, rsa.publicKey),
  'RSA-OAEP-256 A256GCM': await seal(plaintext, { alg: 'RSA-OAEP-256', enc: 'A256GCM' }, rsa.publicKey),
  'RSA-OAEP-256 A256GCM second key': await seal(plaintext, { alg: 'RSA-OAEP-256', enc: 'A256GCM' }, rsaNext.publicKey),
  'RSA-OAEP-256 A256CBC-HS512 kid': await seal(plaintext, { alg: 'RSA-OAEP-256', enc: 'A256CBC-HS512', kid: 'rsa-1' }, rsa.publicKey),
  'ECDH-ES+A256KW A256GCM kid': await seal(plaintext, { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', kid: 'ec-1' }, ec.publicKey),
  'ECDH-ES+A256KW A256GCM': await seal(plaintext, { alg: 'ECDH-ES+A256KW', enc: 'A256GCM' }, ec.publicKey),
  'ECDH-ES+A256KW A256GCM P-384': await seal(plaintext, { alg: 'ECDH-ES+A256KW', enc: 'A256GCM', kid: 'ec-2' }, ec384.publicKey),
  'ECDH-ES+A256KW A256GCM P-521': await seal(plaintext, { alg: 'ECDH-ES+A256KW', enc: 'A256GCM' }, ec521.publicKey),
  'ECDH-ES A256GCM kid': await seal(plaintext, { alg: 'ECDH-ES', enc: 'A256GCM', kid: 'ec-1' }, ec.publicKey),
  'ECDH-ES A256CBC-HS512': await seal(plaintext, { alg: 'ECDH-ES', enc: 'A256CBC-HS512' }, ec.publicKey),
  'dir A256GCM kid': await seal(plaintext, { alg: 'dir', enc: 'A256GCM', kid: 'whatever' }, shared),
  'dir A256GCM': await seal(plaintext, { alg: 'dir', enc: 'A256GCM' }, shared),
  'dir A256CBC-HS512': await seal(plaintext, { alg: 'dir', enc: 'A256CBC-HS512', kid: 'oct-1' }, long),
  'A256KW A256GCM': await seal(plaintext, { alg: 'A256KW', enc: 'A256GCM' }, shared),
  'A256GCMKW A256GCM kid': await seal(plaintext, { alg: 'A256GCMKW', enc: 'A256GCM', kid: 'whatever' }, shared),
  'RSA-OAEP A256GCM': await seal(plaintext, { alg: 'RSA-OAEP', enc: 'A256GCM' }, await importJWK({ ...rsa.publicJwk, alg: 'RSA-OAEP' }, 'RSA-OAEP')),
  'ECDH-ES+A128KW A128GCM': await seal(plaintext, { alg: 'ECDH-ES+A128KW', enc: 'A128GCM' }, ec.publicKey),
  'wrong key': await seal(plaintext, { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rsa-1' }, stranger.publicKey),
  'nested RS256': await nest(await sign('RS256', 'sig-1', signer.privateKey)),
  'nested ES256': await nest(await sign('ES256', 'sig-2', signerEC.privateKey)),
  'nested HS256': await nest(await sign('HS256', 'sig-3', shared)),
  'nested HS256 with the public key': await nest(await sign('HS256', 'sig-1', new TextEncoder().encode(JSON.stringify(signer.publicJwk)))),
  'nested expired': await nest(await sign('RS256', 'sig-1', signer.privateKey, { exp: 1700000000 })),
  'nested not yet valid': await nest(await sign('RS256', 'sig-1', signer.privateKey, { nbf: 32503680000 })),
}
const keys = {
  set: {
    keys: [rsa.jwk, rsaNext.jwk, ec.jwk, ec384.jwk, ec521.jwk, { kty: 'oct', kid: 'oct-1', k: long.toString('base64url') }],
  },
  shared: shared.toString('base64url'),
  signer: signer.publicJwk,
  signerEC: signerEC.publicJwk,
}
writeFileSync('keys.json', JSON.stringify(keys, null, 1) + '\n')
writeFileSync('tokens.json', JSON.stringify(tokens, null, 1) + '\n')
