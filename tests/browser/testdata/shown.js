// What a page was shown, in order, for the test to read.
const shown = []

function show(event, data, cursor) {
  shown.push({ event, data, cursor })
}

// count is how many events of a name there were.
function count(event) {
  return shown.filter(s => s.event === event).length
}

// seen reports whether the page was shown messages with all these payloads.
function seen(texts) {
  return new Set(texts).isSubsetOf(new Set(shown.map(s => s.data)))
}

// until resolves when holds() does.
function until(holds) {
  return new Promise((resolve, reject) => {
    const look = () => {
      try {
        if (holds()) resolve(true)
        else setTimeout(look, 20)
      } catch (error) {
        reject(error)
      }
    }
    look()
  })
}

// parameter is one that the test gave the page.
function parameter(name) {
  return new URLSearchParams(location.search).get(name)
}
