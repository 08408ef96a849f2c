// What AsyncAPI's own parser says of asyncapi.yaml in some folders, a line each: node asyncapi.mjs folder…
import { Parser, fromFile } from '@asyncapi/parser'

for (const folder of process.argv.slice(2)) {
  const { diagnostics } = await fromFile(new Parser(), folder + '/asyncapi.yaml').parse()
  for (const d of diagnostics) {
    console.log(`${folder} ${d.code} ${d.path.join('/')}: ${d.message}`)
  }
}
