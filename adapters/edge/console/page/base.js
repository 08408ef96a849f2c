const ofThisMachine = (host) => host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host)

/**
 * What the address of the API begins with where it is to be copied: the public listener's, but where only the bridge's own machine reaches that and the page came from another one it is the page's own,
 * which serves the same.
 *
 * @param {{ url?: string }} info what GET /admin/info says
 * @param {{ hostname: string, origin: string }} [page]
 */
export function base({ url }, page = location) {
  const told = url ? new URL(url) : null
  return !told || (ofThisMachine(told.hostname) && !ofThisMachine(page.hostname)) ? page.origin : told.origin
}
