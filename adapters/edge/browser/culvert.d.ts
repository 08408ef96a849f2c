/**
 * The client of Culvert for browsers, Node 20 and later, and other runtimes with web APIs: view a topic, take part in a queue, inject messages.
 *
 *     import { view, join, inject, CulvertError } from 'http://127.0.0.1:8080/culvert.js'
 */

/** A token, or what gives one: it is called before each connection, and once more where the token is refused. It is sent as `Authorization: Bearer`. */
export type Token = string | (() => string | Promise<string>)

/** What went wrong, by the code of the protocol's registry (`unknown-topic`, `unavailable`, …) or one of the client's own. */
export class CulvertError extends Error {
  constructor(code: string, detail: string, retryable?: boolean, retryAfter?: number)
  /** The client's own: `buffer-full`, `closed`, `unknown-receipt`, `refused` (an EventSource is not told why), `http-…` and `closed-…` (who answered was no bridge). */
  readonly code: string
  readonly detail: string
  /** The same may succeed later, unchanged. */
  readonly retryable: boolean
  /** How long to wait before, in ms, where the server said so; else 0. */
  readonly retryAfter: number
}

/** `waiting`: for the next try to connect. `ended`: it does not come back. */
export type State = 'connecting' | 'live' | 'waiting' | 'ended'

export interface StateDetail {
  state: State
  /** Why it waits or has ended: the reason of a `bye`, the code of an error, or `broken`. */
  reason?: string
  /** In so many ms it tries again. */
  retryIn?: number
  /** What the connection ended with. */
  error?: any
}

export interface Ready {
  stream: string
  mode: 'view' | 'peek' | 'join'
  topics: string[]
  queue?: string
  /** Whether the stream goes on where it was; `false` comes with a reason, and a gap. */
  resumed?: boolean
  reason?: string
  pending?: { topic: string; partition: number }[]
  ack?: string
  order?: string
  max_in_flight?: number
  lease_ms?: number
  max_attempts?: number
  assigned?: number
  heartbeat_ms?: number
  cursor?: string
}

/** A hole. `lost` counts offsets; `null` where that is not known. */
export interface Gap {
  reason: 'retention' | 'overflow' | 'epoch' | 'broker'
  topic: string
  partition: number | null
  lost: number | null
  cursor?: string
}

export interface Message<T = any> {
  readonly topic: string
  readonly partition: number | null
  readonly offset: number | null
  /** Bytes where it is not UTF-8. */
  readonly key: string | Uint8Array | null
  readonly headers: [name: string, value: string | Uint8Array][]
  readonly time: Date | null
  /** A place at which a view may go on: nothing behind this message is missed there, though a few before it may be seen again. Empty in a queue. */
  readonly cursor: string
  /** The payload: what its JSON stands for, else its text, else its bytes; `null` for a tombstone. */
  readonly value: T
  /** It is a tombstone: the key is gone. */
  readonly deleted: boolean
  /** The payload as text, letter by letter, but line ends between the tokens of JSON are spaces. Undefined for a tombstone and for what is not UTF-8. */
  readonly text: string | undefined
  /** The payload as bytes. Undefined for a tombstone. */
  readonly bytes: Uint8Array | undefined
}

export interface Job<T = any> extends Message<T> {
  readonly receipt: string
  /** 1 at the first try. */
  readonly attempt: number
  /** It was settled or handed back, by whom it was given to. */
  readonly settled: boolean
  /** Settles the message. Each of these is fulfilled when the bridge has heard it, and rejected with `unknown-receipt` where the message is no longer this member's. */
  done(): Promise<void>
  /** Hands the message back, to be given to anyone after so many ms. */
  nack(options?: { delay?: number }): Promise<void>
  /** Lets the lease begin anew. */
  touch(): Promise<void>
}

/** `data` is what an EventSource would have: the payload as text (bytes where it is none), or a tombstone's key. `detail` is the message. */
export interface MessageEventOf<M> extends MessageEvent {
  readonly detail: M
}

export interface Events<M> {
  message: MessageEventOf<M>
  /** A tombstone. */
  delete: MessageEventOf<M>
  ready: CustomEvent<Ready>
  gap: CustomEvent<Gap>
  mark: CustomEvent<{ cursor?: string }>
  assign: CustomEvent<{ assigned: number }>
  state: CustomEvent<StateDetail>
}

interface Target<E> extends EventTarget {
  addEventListener<K extends keyof E>(type: K, listener: (event: E[K]) => void, options?: boolean | AddEventListenerOptions): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void
  removeEventListener<K extends keyof E>(type: K, listener: (event: E[K]) => void, options?: boolean | EventListenerOptions): void
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void
}

interface Stream<M> extends Target<Events<M>>, AsyncIterableIterator<M> {
  readonly state: State
  onmessage: ((event: MessageEventOf<M>) => void) | null
  ondelete: ((event: MessageEventOf<M>) => void) | null
  onready: ((event: CustomEvent<Ready>) => void) | null
  ongap: ((event: CustomEvent<Gap>) => void) | null
  onmark: ((event: CustomEvent<{ cursor?: string }>) => void) | null
  onassign: ((event: CustomEvent<{ assigned: number }>) => void) | null
  onstate: ((event: CustomEvent<StateDetail>) => void) | null
  next(): Promise<IteratorResult<M, undefined>>
  return(): Promise<IteratorResult<M, undefined>>
  [Symbol.asyncIterator](): this
}

interface Common {
  token?: Token
  headers?: HeadersInit
  credentials?: RequestCredentials
  /** Closes what it is given to. */
  signal?: AbortSignal
}

/** Those that are not explained are the parameters of the same name. */
export interface ViewOptions extends Common {
  /** `latest` (the default), `earliest`, `-10` (the last ten), `@-15m`, `@<time>`, or a cursor. */
  from?: string | number
  to?: string
  key?: string | readonly string[]
  /** `name:value` */
  header?: string | readonly string[]
  /** End after so many messages. */
  limit?: number
  overflow?: 'resume' | 'drop' | 'disconnect'
  /** The name of a header whose value becomes the type of the event. */
  event?: string
  /** Go on behind it: the `cursor` of a message or of a view. */
  cursor?: string
  /**
   * Tabs of one origin that view the same share one connection. It is kept by a SharedWorker where the client is loaded from the page's own origin and the token is no function, else by one of the tabs, and
   * by another one when that is closed. A tab that wants what was before, or is slower than the others, reads that over a connection of its own, and comes back. Not with `to` or `limit`. Where a runtime
   * cannot do it, each has its own connection.
   */
  share?: boolean
  /** An EventSource sends neither a token nor headers. The default is fetch wherever it can stream. */
  transport?: 'fetch' | 'eventsource'
}

/**
 * A view, as an async iterable and as an event target. A loop gets the messages, and while it is busy no more are read; without one they go to listeners, and wait for the first of these. To leave the
 * loop is to close the view. It comes back by itself when the connection breaks or falls silent, after the last message that came, and shows none of them again. Where it is refused for good the loop
 * throws, and `state` tells. What is lost is told by `gap`.
 */
export interface View<T = any> extends Stream<Message<T>> {
  /** The place behind the last message that was given out. */
  readonly cursor: string | undefined
  close(): void
}

export function view<T = any>(url: string | URL, options?: ViewOptions): View<T>

export interface JoinOptions extends Common {
  /**
   * `each` (the default): a message is settled when the loop asks for the next one, and handed back when the loop is left or throws; its lease is kept as long as that takes. `manual`: call `done`, `nack`,
   * and where it takes longer than the lease, `touch`. `auto`: the bridge settles what it has written to the connection.
   */
  ack?: 'each' | 'manual' | 'auto'
  maxInFlight?: number
  /** Where the queue begins if nobody has joined it before; else it goes on where it is. */
  from?: string | number
}

/**
 * A member of a queue. With `each` messages go to a loop only. What a member has when its connection breaks goes to others: settling it then is `unknown-receipt`.
 */
export interface Join<T = any> extends Stream<Job<T>> {
  /** Takes no more, waits until what was settled is so, and leaves. With `each` it leaves when the body of the loop is through. */
  close(): Promise<void>
}

export function join<T = any>(url: string | URL, options?: JoinOptions): Join<T>

export interface InjectOptions {
  token?: Token
  /** How many messages may be unconfirmed at most: 256. */
  window?: number
  /** How many may wait besides, also while there is no connection: 10000. */
  buffer?: number
  signal?: AbortSignal
  /** An implementation, where the runtime has none. Without any it POSTs batches. */
  WebSocket?: any
}

export interface SendOptions {
  /** May be left out where the URL names it. */
  topic?: string
  key?: string | Uint8Array | ArrayBuffer | null
  headers?: readonly (readonly [name: string, value: string | Uint8Array])[] | Record<string, string | Uint8Array>
}

/** Where the message stands in its topic, where the broker tells. */
export interface Position {
  partition?: number
  offset?: number
  time?: Date
}

export interface Injector extends Target<{ state: CustomEvent<StateDetail> }> {
  readonly state: State
  onstate: ((event: CustomEvent<StateDetail>) => void) | null
  /** How many are neither confirmed nor rejected. */
  readonly pending: number
  /**
   * Injects a message: a string as it is, bytes as they are, `null` with a key as a tombstone, anything else as JSON. It is fulfilled once, when the broker has confirmed the message; until then it is sent
   * again, with the same id, where the connection breaks or what hinders it passes, so that it may be there twice; what hinders one holds up all. It is rejected with a CulvertError: for good, where there is no room
   * (`buffer-full`), or with what hindered it where a later message of its key was confirmed meanwhile, behind which it would be out of order.
   */
  send(value: unknown, options?: SendOptions): Promise<Position>
  /** Takes no more, waits for what is under way, and leaves. */
  close(): Promise<void>
}

export function inject(url: string | URL, options?: InjectOptions): Injector
