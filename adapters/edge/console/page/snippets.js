/**
 * What is to be read.
 *
 * @typedef {object} Wish
 * @property {string} topic its name; of a view also several names and patterns, between spaces or commas
 * @property {string} [queue]
 * @property {'view' | 'peek' | 'join'} mode peek and join are of a queue
 * @property {string} [from] where to start: as the parameter of that name, empty for its default
 * @property {string[]} [keys]
 * @property {string[]} [headers] name:value
 * @property {'each' | 'manual' | 'auto'} [ack]
 */

/** The names, and patterns of names, in what was written as the topic. @param {string} text */
export const topicsOf = (text) => [...new Set(text.split(/[\s,]+/).filter(Boolean))]

/** Whether it is a view of several topics, or of a pattern, on one stream. @param {Wish} wish */
export const isMany = ({ topic, mode }) => mode === 'view' && (topic.includes('*') || topicsOf(topic).length > 1)

/** @param {string} topic */
export const topicPath = (topic) => `/v1/topics/${encodeURIComponent(topic)}`

/** @param {Wish} wish */
export const queuePath = ({ topic, queue }) => `${topicPath(topic)}/queues/${encodeURIComponent(queue ?? '')}`

/** The parameters of a wish, as name and value. @param {Wish} wish @returns {[string, string][]} */
export function parameters({ mode, from, keys = [], headers = [] }) {
  if (mode === 'join') return from ? [['from', from]] : []
  return [
    ...(mode === 'peek' ? [['mode', 'peek']] : from ? [['from', from]] : []),
    ...keys.map((key) => ['key', key]),
    ...headers.map((header) => ['header', header]),
  ]
}

const query = (pairs) => (pairs.length ? '?' + new URLSearchParams(pairs) : '')
const named = (wish) => (isMany(wish) ? topicsOf(wish.topic).map((topic) => ['topic', topic]) : [])
const place = (wish) => (isMany(wish) ? '/v1' : wish.mode === 'view' ? topicPath(wish.topic) : queuePath(wish))

/** The path of the stream, and what is in its query besides the options of the browser client. @param {Wish} wish */
export const streamPath = (wish) => `${place(wish)}/events${query(wish.mode === 'peek' ? [['mode', 'peek']] : named(wish))}`

/** The connection URL. @param {string} base the bridge's own, without a slash at its end @param {Wish} wish */
export const address = (base, wish) => `${base}${place(wish)}/events${query([...named(wish), ...parameters(wish)])}`

/** A word of a shell. @param {string} text */
export const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** The frames that ask for it over a WebSocket, one for each topic. @param {Wish} wish */
function frames({ topic, queue, mode, from, keys = [], headers = [] }) {
  const filters = mode === 'join' ? {} : { ...(keys.length && { key: keys }), ...(headers.length && { header: headers }) }
  return (mode === 'view' ? topicsOf(topic) : [topic]).map((topic) => ({ op: 'sub', sub: topic, topic, ...(mode !== 'view' && { queue }), ...(mode === 'peek' && { mode }), ...(mode !== 'peek' && from && { from }), ...filters }))
}

/**
 * How to get the same elsewhere: a name and what is to be copied. A pattern of topics is for streams over HTTP; a raw WebSocket is of one topic.
 *
 * @param {string} base @param {Wish} wish @returns {{name: string, text: string}[]}
 */
export function snippets(base, wish) {
  const url = address(base, wish), literal = JSON.stringify(url), sockets = base.replace(/^http/, 'ws')
  const joins = wish.mode === 'join', many = isMany(wish)
  // The client's own options: what is in the URL besides would be there twice.
  const plain = JSON.stringify(base + streamPath(wish))
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
    ...(many ? [] : [{ name: 'wscat', text: `npx wscat@6.1.0 -c ${quote(`${sockets}${place(wish)}/ws${raw}`)}` }]),
    ...(wish.topic.includes('*') ? [] : [{
      name: 'WebSocket',
      text: `const socket = new WebSocket(${JSON.stringify(sockets + '/v1/ws')}, 'culvert.v1.json')
socket.onopen = () => {
${frames(wish).map((frame) => `  socket.send(JSON.stringify(${JSON.stringify(frame)}))`).join('\n')}
}
socket.onmessage = ({ data }) => console.log(JSON.parse(data))
`,
    }]),
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
