/** What becomes of a message that this member was given to settle by hand. */
export class Job {
  /** @type {'held' | 'done' | 'handed back' | 'gone'} gone: it is no longer this member's, and another one's or will be */
  state = 'held'

  /**
   * @param {string} receipt
   * @param {(what: 'done' | 'nack' | 'touch') => Promise<void>} say
   * @param {() => number} lease when the lease of a message that is had now ends, in ms
   * @param {number} most how many tries a message has
   */
  constructor(receipt, say, lease, most) {
    this.receipt = receipt
    this.say = say
    this.lease = lease
    this.most = most
    this.until = lease()
  }

  /** Whether it is this member's to settle. */
  get held() {
    if (this.state === 'held' && Date.now() > this.until) this.state = 'gone'
    return this.state === 'held'
  }

  async #settle(what, state) {
    const before = this.state
    this.state = state
    try {
      await this.say(what)
    } catch (error) {
      this.state = String(error.message).startsWith('unknown-') ? 'gone' : before
      throw error
    }
  }

  /** Settles it: nobody gets it again. */
  done() {
    return this.#settle('done', 'done')
  }

  /** Hands it back, to be given to any member. */
  nack() {
    return this.#settle('nack', 'handed back')
  }

  /** Lets the lease begin anew. */
  async touch() {
    const until = this.lease()
    await this.say('touch')
    this.until = until
  }
}
