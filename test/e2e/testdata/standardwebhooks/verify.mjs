// Reads messages as JSON, one a line, from stdin, and says of each whether the
// library takes it: {secret, headers, body} to {ok, error}.
import { createInterface } from 'node:readline'
import { Webhook } from 'standardwebhooks'

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line)
  try {
    new Webhook(secret).verify(body, headers)
    console.log(JSON.stringify({ ok: true }))
  } catch (e) {
    console.log(JSON.stringify({ ok: false, error: e.message }))
  }
}
