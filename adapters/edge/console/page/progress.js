/** @typedef {{partition: number, first: number | null, end: number | null}} Extent as GET /v1/topics/{topic} tells it */

/** How far a view is in one topic: by the offsets that it has shown, against where its topic ended when the view began, and where it ends now. */
export class Progress {
  /** @type {Map<number, number>} the next offset of each partition, behind what was shown */
  places = new Map()
  /** @type {Map<number, {begin: number | null, end: number}> | undefined} what is to be replayed */
  goal
  /** @type {Map<number, number>} */
  ends = new Map()

  /** @param {string} from where the view starts, as the parameter; undefined where only the bridge knows */
  constructor(from) {
    this.from = from
  }

  /** Is told how far the topic goes. @param {Extent[]} partitions */
  extents(partitions) {
    const known = partitions.filter(({ end }) => end !== null && end !== undefined)
    this.goal ??= new Map(known.map(({ partition, first, end }) => [partition, { begin: this.#begin(first ?? 0, end), end }]))
    this.ends = new Map(known.map(({ partition, end }) => [partition, end]))
  }

  #begin(first, end) {
    if (this.from === 'latest' || this.from === '') return end
    if (this.from === 'earliest') return first
    return /^-\d+$/.test(this.from ?? '') ? Math.max(first, end + Number(this.from)) : null
  }

  /** Is told of a message that was shown. */
  saw(partition, offset) {
    if (partition === null || offset === null) return
    const goal = this.goal?.get(partition)
    if (goal && goal.begin === null) goal.begin = offset
    if (!(this.places.get(partition) > offset)) this.places.set(partition, offset + 1)
  }

  /** How much of what was there at the beginning was shown, in offsets. */
  get replayed() {
    let done = 0, total = 0
    for (const [partition, { begin, end }] of this.goal ?? []) {
      if (begin === null || begin >= end) continue
      total += end - begin
      done += Math.max(0, Math.min(this.places.get(partition) ?? begin, end) - begin)
    }
    return { done, total }
  }

  /** How many offsets lie between what was shown and the end; null where that is not known. */
  get lag() {
    let lag = 0, known = 0
    for (const [partition, end] of this.ends) {
      const place = this.places.get(partition) ?? this.goal?.get(partition)?.begin
      // A partition that came later is read from its beginning.
      if (place === null || (place === undefined && this.goal?.has(partition))) continue
      lag += Math.max(0, end - (place ?? 0))
      known++
    }
    return known ? lag : null
  }
}
