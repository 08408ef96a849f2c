// What who sees a demo for the first time may do.

import { base } from './base.js'
import { code } from './copy.js'
import { el, icon } from './dom.js'

/**
 * @param {import('./main.js').Context} ctx
 * @param {() => void} close
 * @returns {HTMLElement}
 */
export function guide(ctx, close) {
  const step = (name, title, says, label, to, kind) => el('li', null, icon(name), el('h3', null, title), el('p', null, says), el('a', { class: `button ${kind}`, href: to }, label))
  return el('section', { class: 'card guide', 'aria-labelledby': 'guide-title' },
    el('div', { class: 'head' },
      el('h2', { id: 'guide-title' }, 'Welcome to the demo'),
      el('button', { type: 'button', class: 'ghost end', 'aria-label': 'Hide the guide', onclick: close }, icon('close'))),
    el('p', null, 'Culvert is a bridge between message brokers and the web: browsers, scripts and services view topics, share the work of queues, and inject messages, over plain HTTP and WebSocket. Here the broker is built in, and prices and orders are made up.'),
    el('ol', { class: 'steps' },
      step('view', 'See prices move', ['Each line is a message of the topic ', el('code', null, 'prices'), '. A key that is struck through is a tombstone: that symbol is gone for a while.'],
        'View prices', ctx.link('view', { topic: 'prices', from: '-20', on: true }), 'primary'),
      step('queues', 'Share work', ['The queue ', el('code', null, 'billing'), ' of ', el('code', null, 'orders'), ' waits for somebody to work on it. Peek at what waits, or join it, here and in a second tab.'],
        'Open billing', ctx.link('queues', { topic: 'orders', queue: 'billing' }), ''),
      step('inject', 'Add a price', 'Send a message of your own: it is answered with its place in the topic, and whoever views it sees it at once.',
        'Inject a price', ctx.link('inject', { topic: 'prices', key: 'GOOG' }), '')),
    el('div', { class: 'shell-line' }, el('span', { class: 'dim' }, 'Or in a terminal'),
      code('The same in a terminal', ctx.toast, `curl -N '${base(ctx.info)}/v1/topics/prices/events'`).element))
}
