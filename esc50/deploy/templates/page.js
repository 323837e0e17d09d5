// Sounds that are dropped, chosen or recorded are predicted one after the other; each gets a card.
import { predict } from "./predict.js"

const byId = (id) => document.getElementById(id)
const SHOWN = 5 // classes per sound
const limits = document.body.dataset
const percent = (part) => `${(100 * part).toFixed(part > 0.9995 || part < 0.0995 ? 1 : 0)}%`
const clock = (seconds) => `${seconds.toFixed(1)} s`
const say = (text) => { byId("status").textContent = text }

let line = Promise.resolve()
function take(files) {
  for (const file of files) {
    const card = addCard(file)
    line = line.then(() => ask(file, card))
  }
}

function addCard(file) {
  const card = byId("sound").content.firstElementChild.cloneNode(true)
  card.querySelector("h2").textContent = file.name
  card.querySelector(".answer").textContent = "In line ..."
  const player = card.querySelector("audio")
  player.src = URL.createObjectURL(file)
  player.setAttribute("aria-label", `Hear ${file.name}`)
  player.onerror = () => { player.hidden = true } // a format that this browser does not play
  card.querySelector(".remove").setAttribute("aria-label", `Remove ${file.name}`)
  card.querySelector(".remove").onclick = () => {
    URL.revokeObjectURL(player.src)
    card.remove()
    byId("sounds").focus()
  }
  byId("sounds").prepend(card)
  return card
}

async function ask(file, card) {
  if (!card.isConnected) return
  card.querySelector(".answer").textContent = "Listening ..."
  say(`${file.name}: listening`)
  try {
    await read(file)
    show(card, await predict(file))
  } catch (error) {
    const answer = card.querySelector(".answer")
    answer.textContent = error.message
    answer.classList.add("bad")
    say(error.message)
  }
}

// What cannot be read here could not be sent either, and the server would seem to be down.
async function read(file) {
  try {
    await file.slice(0, 1).arrayBuffer()
  } catch {
    throw new Error(`${file.name} cannot be read: it is a folder, or is gone or changed since`)
  }
}

function show(card, answer) {
  const best = Math.max(...answer.probabilities)
  const nearest = answer.classes[answer.probabilities.indexOf(best)] // "none of these" has no probability of its own
  const told = answer.label === nearest ? `${nearest}, ${percent(best)}` : `${answer.label} (at best ${nearest}, ${percent(best)})`
  const odd = (answer.remarks ?? []).map((remark) => `. The sound ${remark}`).join("")  // the browser's own has none
  card.querySelector(".answer").textContent = `${told}, in ${clock(answer.seconds)}${odd}`
  say(`${answer.name}: ${told}`)
  drawSpectrogram(card, answer)
  const order = answer.classes.map((_, i) => i).sort((a, b) => answer.probabilities[b] - answer.probabilities[a])
  const list = card.querySelector(".classes")
  for (const index of order.slice(0, SHOWN)) list.append(classRow(answer, index))
  if (answer.windows.length > 1) fillTable(card, answer, order.slice(0, SHOWN))
}

function classRow(answer, index) {
  const row = document.createElement("li"), name = document.createElement("span")
  name.className = "name"
  for (const text of [answer.classes[index], percent(answer.probabilities[index])]) {
    const part = document.createElement("span")
    part.textContent = text
    name.append(part)
  }
  const several = answer.windows.length > 1
  row.append(name, several ? strip(answer, index) : bars("bar", [[0, answer.probabilities[index], 1, 1]]))
  return row
}

// Over time: as high as the probability. A window speaks for its middle, as in the answer's events.
function strip(answer, index) {
  const centres = answer.windows.map(({ start, end }) => (start + end) / 2)
  const bounds = [0, ...centres.slice(1).map((centre, i) => (centre + centres[i]) / 2), answer.seconds]
  return bars("strip", answer.windows.map(({ probabilities }, i) =>
    [bounds[i] / answer.seconds, (bounds[i + 1] - bounds[i]) / answer.seconds, probabilities[index], 1]))
}

function bars(kind, parts) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("class", kind)
  svg.setAttribute("viewBox", "0 0 1 1")
  svg.setAttribute("preserveAspectRatio", "none")
  svg.setAttribute("aria-hidden", "true") // the numbers say it
  for (const [x, width, height] of parts) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect")
    const place = { x, y: 1 - height, width, height }
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value)
    svg.append(rect)
  }
  return svg
}

function fillTable(card, answer, order) {
  const table = card.querySelector("table")
  const cells = (texts, tag, into) => {
    const row = into.insertRow()
    for (const text of texts) {
      const cell = document.createElement(tag)
      if (tag === "th") cell.scope = "col"
      cell.textContent = text
      row.append(cell)
    }
  }
  cells(["from", "to", ...order.map((i) => answer.classes[i])], "th", table.createTHead())
  const body = table.createTBody()
  for (const { start, end, probabilities } of answer.windows) {
    cells([clock(start), clock(end), ...order.map((i) => percent(probabilities[i]))], "td", body)
  }
  card.querySelector("details").hidden = card.querySelector(".over-time").hidden = false
}

// Stops of viridis, which eyes of all kinds read alike and which stays in order when grey.
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]]
function colour(value) {
  const place = (value / 255) * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2)
  return VIRIDIS[low].map((from, i) => from + (place - low) * (VIRIDIS[low + 1][i] - from))
}

function drawSpectrogram(card, { name, seconds, spectrogram }) {
  const { rows, columns, bytes } = spectrogram
  const canvas = card.querySelector("canvas"), context = canvas.getContext("2d")
  canvas.width = columns
  canvas.height = rows
  canvas.setAttribute("aria-label", `Log-mel spectrogram of ${name}`)
  const image = context.createImageData(columns, rows)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = 4 * ((rows - 1 - row) * columns + column)
      image.data.set([...colour(bytes[row * columns + column]), 255], at)
    }
  }
  context.putImageData(image, 0, 0)
  card.querySelector(".ends").textContent = `0 to ${clock(seconds)}`
  card.querySelector("figure").hidden = false
  followPlayer(card, seconds)
}

function followPlayer(card, seconds) {
  const player = card.querySelector("audio"), head = card.querySelector(".playhead")
  const follow = () => {
    head.style.left = `${100 * Math.min(1, player.currentTime / seconds)}%`
    if (!player.paused) requestAnimationFrame(follow)
  }
  player.onplay = player.ontimeupdate = player.onseeked = follow
  card.querySelector(".picture").onclick = (event) => {
    const box = event.currentTarget.getBoundingClientRect()
    player.currentTime = (seconds * (event.clientX - box.left)) / box.width
  }
}

// One sound at a time
document.addEventListener("play", ({ target }) => {
  for (const player of document.querySelectorAll("audio")) if (player !== target) player.pause()
}, true)

// Dropping and choosing
const drop = byId("drop")
byId("files").onchange = (event) => { take(event.target.files); event.target.value = "" }
for (const kind of ["dragover", "dragleave", "drop"]) {
  window.addEventListener(kind, (event) => {
    event.preventDefault() // a file beside the field does not replace the page
    drop.classList.toggle("over", kind === "dragover")
    if (kind === "drop") take(event.dataTransfer.files)
  })
}

// The microphone: samples as they come, as a WAV file, which every server reads
const button = byId("record")
let recording = null, busy = false
if (!navigator.mediaDevices) {
  button.disabled = true
  button.textContent = "Recording needs https, or this machine's own address"
}
button.onclick = async () => {
  if (busy) return
  busy = true // a disabled button would lose the keyboard's focus
  try {
    if (recording) await stop()
    else await start()
  } catch (error) {
    say(`The microphone cannot be used: ${error.message}`)
  }
  busy = false
}

async function start() {
  const asIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
  const stream = await navigator.mediaDevices.getUserMedia({ audio: asIs })
  const context = new AudioContext()
  await context.audioWorklet.addModule(new URL("recorder.js", import.meta.url))
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 })
  context.createMediaStreamSource(stream).connect(node)
  recording = { stream, context, blocks: [], count: 0 }
  node.port.onmessage = ({ data }) => hear(data)
  button.textContent = "Stop"
  button.setAttribute("aria-pressed", "true")
  byId("level").hidden = byId("clock").hidden = false
  say("Recording")
}

function hear(block) {
  if (!recording) return
  recording.blocks.push(block)
  recording.count += block.length
  const seconds = recording.count / recording.context.sampleRate
  byId("clock").textContent = clock(seconds)
  byId("level").value = block.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)
  if (seconds > Number(limits.mostSeconds) - 1) stop()
}

async function stop() {
  const { stream, context, blocks, count } = recording
  recording = null
  for (const track of stream.getTracks()) track.stop()
  await context.close()
  button.textContent = "Record"
  button.setAttribute("aria-pressed", "false")
  byId("level").hidden = byId("clock").hidden = true
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-")
  if (count) take([new File([wav(blocks, count, context.sampleRate)], `recording-${time}.wav`, { type: "audio/wav" })])
}

function wav(blocks, count, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * count))
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)))
  text(0, "RIFF")
  view.setUint32(4, 36 + 2 * count, true)
  text(8, "WAVEfmt ")
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true) // PCM
  view.setUint16(22, 1, true) // channel
  view.setUint32(24, rate, true)
  view.setUint32(28, 2 * rate, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  text(36, "data")
  view.setUint32(40, 2 * count, true)
  let at = 44
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(32768 * sample))), true)
      at += 2
    }
  }
  return view.buffer
}
