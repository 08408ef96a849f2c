// The dead letters of a queue: what was tried too often, and why.

import { view } from '/culvert.js'

import { confirm } from './dialog.js'
import { el, fill, icon, text } from './dom.js'
import { count, moment } from './format.js'
import { poll } from './poll.js'

const most = 50 // of each partition

/**
 * @param {import('./main.js').Context} ctx @param {string} topic @param {string} queue
 * @returns {{ element: HTMLElement, update(state: any): void, stop(): void }} update is told what the bridge says of the queue
 */
export function letters(ctx, topic, queue) {
  /** @type {string | null} the topic of the letters */
  let from = null
  /** @type {{ now(): void, stop(): void } | null} */
  let turn = null
  let waiting = null // how many were not sent back yet, where that is known
  const told = el('small'), rows = el('tbody'), problem = el('p', { class: 'bad', role: 'status' })
  const back = el('button', { type: 'button', onclick: redrive }, icon('refresh'), 'Send back …')
  const table = el('div', { class: 'table' }, el('table', { class: 'rows' },
    el('caption', { class: 'hidden' }, 'Dead letters, the newest first'),
    el('thead', null, el('tr', null, ['Given up', 'Why', 'Tries', 'Was at', 'Key', 'Payload'].map((title) => el('th', { scope: 'col', class: title === 'Tries' && 'number' }, title)))), rows))
  const none = el('p', { class: 'dim pad' }, 'None: what its members hand back too often would be here, with why.')
  const element = el('section', { class: 'card flush', 'aria-label': 'Dead letters', hidden: true },
    el('div', { class: 'head pad' }, el('h2', null, 'Dead letters'), told, el('div', { class: 'bar end' }, back)), problem, none, table)

  async function ask(signal) {
    try {
      const [found, sent] = await Promise.all([read(signal), sentBack(signal)])
      if (signal.aborted) return
      text(problem, '')
      draw(found, sent)
    } catch (error) {
      if (signal.aborted) return
      if (error.code === 'unknown-topic') draw([], null)
      else text(problem, error.message)
    }
  }

  async function read(signal) {
    const found = []
    for await (const letter of view(`/v1/topics/${encodeURIComponent(from)}/events`, { from: -most, to: 'latest', header: `culvert-dead-queue:${queue}`, signal })) found.push(letter)
    return found.reverse()
  }

  /** How far the bridge's own queue of the letters is; null where nothing was sent back yet, or others share the topic. */
  async function sentBack(signal) {
    if (from !== `${topic}.${queue}.dlq`) {
      waiting = null
      return null
    }
    try {
      const state = await ctx.api.get(`/v1/topics/${encodeURIComponent(from)}/queues/redrive`, { signal })
      waiting = state.lag
      return new Map((state.partitions ?? []).map(({ partition, committed }) => [partition, committed]))
    } catch (error) {
      if (error.code !== 'unknown-queue') throw error
      const { partitions } = await ctx.api.get(`/v1/topics/${encodeURIComponent(from)}`, { signal })
      waiting = partitions ? partitions.reduce((sum, { first, end }) => sum + end - first, 0) : null
      return null
    }
  }

  function draw(found, sent) {
    none.hidden = found.length > 0
    table.hidden = found.length === 0
    back.disabled = found.length === 0
    text(told, found.length === 0 ? '' : [waiting !== null && `${count(waiting)} not sent back yet`, `the last ${count(found.length)} are shown`].filter(Boolean).join(', '))
    fill(rows, found.map((letter) => {
      const header = (name) => letter.headers.find(([is]) => is === `culvert-dead-${name}`)?.[1] ?? ''
      const was = sent?.has(letter.partition) && letter.offset < sent.get(letter.partition)
      return el('tr', null,
        el('th', { scope: 'row', class: 'quiet' }, moment(letter.time?.toISOString()), was && [' ', el('span', { class: 'badge good' }, 'sent back')]),
        el('td', { 'data-label': 'Why', class: 'wide' }, String(header('reason'))),
        el('td', { 'data-label': 'Tries', class: 'number' }, String(header('attempts'))),
        el('td', { 'data-label': 'Was at', class: 'mono' }, header('offset') === '' ? '–' : `${header('partition')}:${header('offset')}`),
        el('td', { 'data-label': 'Key', class: 'mono key' }, letter.key === null ? '–' : typeof letter.key === 'string' ? letter.key : `${letter.key.length} bytes`),
        el('td', { 'data-label': 'Payload', class: 'mono wide clip' }, letter.deleted ? 'tombstone' : letter.text === undefined ? `${letter.bytes.length} bytes` : letter.text.slice(0, 500)))
    }))
  }

  async function redrive() {
    const limit = el('input', { type: 'number', min: '1', placeholder: 'all', 'aria-label': 'At most' })
    const sure = await confirm(`Send the dead letters of ${queue} back?`, [
      el('p', null, `${waiting === null ? 'Those' : `The ${count(waiting)}`} that were not sent back yet are published to ${topic} again, oldest first, and get all their tries again. Only ${queue} gives them to its members; views of ${topic} show them, too.`),
      el('p', null, `The letters stay in ${from}, and are not sent back a second time.`),
      el('label', { class: 'field' }, el('span', null, 'At most'), limit),
    ], 'Send back')
    if (!sure) return
    try {
      const { redriven } = await ctx.api.post(`/v1/topics/${encodeURIComponent(topic)}/queues/${encodeURIComponent(queue)}/redrive`, limit.value ? { limit: limit.valueAsNumber } : {})
      ctx.toast(redriven === 1 ? 'One letter was sent back' : `${count(redriven)} letters were sent back`, 'good')
    } catch (error) {
      ctx.toast(error.message, 'bad')
    }
    turn?.now()
  }

  return {
    element,
    update(state) {
      const now = state?.dead_letter ?? null
      if (now === from) return
      from = now
      turn?.stop()
      turn = from === null ? null : poll(ask, 5000)
      element.hidden = from === null
    },
    stop: () => turn?.stop(),
  }
}
