// A page that takes numbered messages, and looks whether it is still drawn meanwhile.
let ready = false
let next = 0
let slowest = 0 // of the ways from the publisher to here, in milliseconds
let longest = 0 // pause between two frames while messages came, in milliseconds
const faults = []

// take is given 'number time'.
function take(text) {
  const [number, time] = text.split(' ').map(Number)
  if (number !== next && faults.length < 10) faults.push(`${number} came where ${next} was to come`)
  next = number + 1
  slowest = Math.max(slowest, Date.now() - time)
}

let last
requestAnimationFrame(function frame(now) {
  document.body.textContent = next
  if (last !== undefined && next > 0) longest = Math.max(longest, now - last)
  last = now
  requestAnimationFrame(frame)
})
