// Has TypeScript check the bridge's own client, and a program that uses its declarations.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const [module, folder] = process.argv.slice(2)
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const common = ['--strict', '--noEmit', '--target', 'es2022', '--module', 'es2022', '--moduleResolution', 'bundler', '--lib', 'es2023,dom,dom.iterable,dom.asynciterable', '--types', '']
const check = (name, ...args) => {
  try {
    execFileSync(process.execPath, [compiler, ...common, ...args], { encoding: 'utf8' })
    console.log(JSON.stringify({ event: 'passed', data: name }))
  } catch (error) {
    console.error(name, error.stdout)
    process.exitCode = 1
  }
}

check('the module', '--allowJs', '--checkJs', '--noImplicitAny', 'false', '--useUnknownInCatchVariables', 'false', module)

const work = mkdtempSync(join(tmpdir(), 'culvert-types-'))
copyFileSync(join(folder, 'culvert.js'), join(work, 'implementation.js'))
copyFileSync(join(folder, 'culvert.d.ts'), join(work, 'culvert.d.ts'))
writeFileSync(join(work, 'agree.ts'), `
import * as api from './culvert.js'
import * as implementation from './implementation.js'
const same: Record<keyof typeof api, unknown> & Record<keyof typeof implementation, unknown> = implementation
const other: Record<keyof typeof implementation, unknown> = api
const view: typeof api.view = implementation.view, join: typeof api.join = implementation.join, inject: typeof api.inject = implementation.inject
export { same, other, view, join, inject }
`)
writeFileSync(join(work, 'user.ts'), `
import { view, join, inject, CulvertError, type Message } from './culvert.js'
const prices = view<{ price: number }>('/v1/topics/prices/events', { key: ['GOOG'], from: -3, token: async () => 't', signal: new AbortController().signal, share: true })
prices.onmessage = (e) => { const text: string = e.data; const price: number = e.detail.value.price; void [text, price] }
prices.addEventListener('gap', ({ detail }) => { const lost: number | null = detail.lost; void lost })
prices.onstate = ({ detail: { state, retryIn } }) => { const ms: number | undefined = retryIn; void [state === 'waiting', ms] }
for await (const m of prices) { const one: Message<{ price: number }> = m; const time: Date | null = one.time; void time; break }
// @ts-expect-error a message is read only
for await (const m of prices) m.topic = ''
// @ts-expect-error there is no such way
join('/v1/topics/a/queues/b/events', { ack: 'never' })
for await (const job of join('/v1/topics/a/queues/b/events', { maxInFlight: 1 })) { await job.touch(); await job.nack({ delay: 1 }); const n: number = job.attempt; void n }
const out = inject('/v1/ws', { window: 8, buffer: 9 })
try {
  const { partition, offset, time } = await out.send(new Uint8Array(1), { topic: 'a', key: 'k', headers: { h: 'v' } })
  const where: (number | undefined)[] = [partition, offset], when: Date | undefined = time
  void [where, when]
} catch (error) {
  if (error instanceof CulvertError && error.retryable) console.log(error.code, error.detail)
}
await out.close()
`)
check('the declarations', '--allowJs', '--noImplicitAny', 'false', join(work, 'agree.ts'))
check('a program', join(work, 'user.ts'))
rmSync(work, { recursive: true })
