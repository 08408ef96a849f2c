// Writing to a topic.

import { el, fill } from './dom.js'

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'inject',
  title: 'Inject',
  key: 'i',
  mount(root, ctx) {
    const topic = el('input', { required: true, pattern: '[A-Za-z0-9._\\-]{1,249}', autocomplete: 'off' })
    const key = el('input', { autocomplete: 'off' })
    const tombstone = el('input', { type: 'checkbox' })
    const payload = el('textarea')
    const answer = el('output')
    fill(root,
      el('div', { class: 'head' }, el('h1', null, 'Inject')),
      el('form', { class: 'card', onsubmit: event => {
        event.preventDefault()
        inject()
      } },
      el('div', { class: 'row' },
        el('label', { class: 'field' }, el('span', null, 'Topic'), topic),
        el('label', { class: 'field' }, el('span', null, 'Key'), key),
        el('label', { class: 'check' }, tombstone, 'delete this key')),
      el('label', { class: 'field' }, el('span', null, 'Payload'), payload),
      el('p', { class: 'bar' }, el('button', { class: 'primary' }, 'Inject'), answer)))

    async function inject() {
      ctx.set({ topic: topic.value })
      const message = key.value ? { key: key.value } : {}
      if (tombstone.checked) message.payload = null
      else message.text = payload.value
      answer.className = ''
      answer.textContent = '…'
      try {
        const { results: [result] } = await ctx.api.post(`/v1/topics/${encodeURIComponent(topic.value)}/messages`, { messages: [message] },
          { headers: { 'Content-Type': 'application/vnd.culvert.batch+json' } })
        if (result.code) throw new Error(`${result.code}: ${result.detail ?? ''}`)
        answer.textContent = 'confirmed' + (result.offset === undefined ? '' : ` at ${result.partition}:${result.offset}`)
      } catch (error) {
        answer.className = 'bad'
        answer.textContent = error.message
      }
    }

    function update(params) {
      topic.value = params.get('topic') ?? ''
    }

    update(ctx.params)
    return { update, unmount() {} }
  },
}
