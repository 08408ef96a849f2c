/**
 * What is to be read.
 *
 * @typedef {object} Wish
 * @property {string} topic
 * @property {string} [queue]
 * @property {'view' | 'peek' | 'join'} mode peek and join are of a queue
 * @property {string} [from] where to start: as the parameter of that name, empty for its default
 * @property {string[]} [keys]
 * @property {string[]} [headers] name:value
 * @property {'each' | 'manual' | 'auto'} [ack]
 */

/** The parameters of a wish, as name and value. @param {Wish} wish @returns {[string, string][]} */
export function parameters({ mode, from, keys = [], headers = [] }) {
  if (mode === 'join') return from ? [['from', from]] : []
  return [
    ...(mode === 'peek' ? [['mode', 'peek']] : from ? [['from', from]] : []),
    ...keys.map((key) => ['key', key]),
    ...headers.map((header) => ['header', header]),
  ]
}

/** The path of the topic, or of the queue, that a wish is of. @param {Wish} wish */
export const path = ({ topic, queue, mode }) => `/v1/topics/${encodeURIComponent(topic)}${mode === 'view' ? '' : `/queues/${encodeURIComponent(queue ?? '')}`}`

const query = (pairs) => (pairs.length ? '?' + new URLSearchParams(pairs) : '')

/** The connection URL. @param {string} base the bridge's own, without a slash at its end @param {Wish} wish */
export const address = (base, wish) => `${base}${path(wish)}/events${query(parameters(wish))}`

/** A word of a shell. @param {string} text */
export const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** The frame that asks for it over a WebSocket. @param {Wish} wish */
function frame({ topic, queue, mode, from, keys = [], headers = [] }) {
  const filters = mode === 'join' ? {} : { ...(keys.length && { key: keys }), ...(headers.length && { header: headers }) }
  return { op: 'sub', sub: 'a', topic, ...(mode !== 'view' && { queue }), ...(mode === 'peek' && { mode }), ...(mode !== 'peek' && from && { from }), ...filters }
}

/**
 * How to get the same elsewhere: a name and what is to be copied.
 *
 * @param {string} base @param {Wish} wish @returns {{name: string, text: string}[]}
 */
export function snippets(base, wish) {
  const url = address(base, wish), literal = JSON.stringify(url), sockets = base.replace(/^http/, 'ws')
  const joins = wish.mode === 'join'
  // The client's own options: what is in the URL besides would be there twice.
  const plain = JSON.stringify(base + path(wish) + '/events' + (wish.mode === 'peek' ? '?mode=peek' : ''))
  const options = Object.entries({ from: wish.mode === 'peek' ? undefined : wish.from || undefined, ...(!joins && { key: wish.keys, header: wish.headers }) })
    .filter(([, value]) => value?.length).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  const verb = joins ? 'join' : 'view'
  const raw = query(joins ? parameters(wish) : [['mode', wish.mode], ...parameters(wish).filter(([name]) => name !== 'mode')])
  return [
    { name: 'URL', text: url },
    { name: 'curl', text: `curl -N ${quote(url)}` },
    {
      name: 'EventSource',
      text: `const source = new EventSource(${literal})
source.onmessage = ({ data, lastEventId }) => console.log(data)
source.addEventListener('delete', ({ data }) => console.log('deleted', data))
source.addEventListener('gap', ({ data }) => console.warn('lost', data))
`,
    },
    {
      name: 'culvert.js',
      text: `import { ${verb} } from ${JSON.stringify(base + '/culvert.js')}

for await (const message of ${verb}(${plain}${options.length ? `, { ${options.join(', ')} }` : ''})) {
  console.log(message.key, message.value)
}
`,
    },
    { name: 'wscat', text: `npx wscat@6.1.0 -c ${quote(`${sockets}${path(wish)}/ws${raw}`)}` },
    {
      name: 'WebSocket',
      text: `const socket = new WebSocket(${JSON.stringify(sockets + '/v1/ws')}, 'culvert.v1.json')
socket.onopen = () => socket.send(JSON.stringify(${JSON.stringify(frame(wish))}))
socket.onmessage = ({ data }) => console.log(JSON.parse(data))
`,
    },
    {
      name: 'Go',
      text: `package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
)

func main() {
	request, err := http.NewRequest("GET", ${literal}, nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Accept", "application/x-ndjson")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	for frames := json.NewDecoder(answer.Body); ; {
		var frame json.RawMessage
		if err := frames.Decode(&frame); err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(frame))
	}
}
`,
    },
    {
      name: 'Python',
      text: `import json, urllib.request

request = urllib.request.Request(${literal}, headers={"Accept": "application/x-ndjson"})
with urllib.request.urlopen(request) as stream:
    for line in stream:
        frame = json.loads(line)
        print(frame, flush=True)
`,
    },
  ]
}
