// What the network says of a file, computed here: the sound does not leave the browser.
import * as ort from "./ort.wasm.min.mjs"

ort.env.wasm.numThreads = 1 // more need a server that isolates the page
const limits = document.body.dataset
const { classes, rate, samples, channel, topDb, threshold } = JSON.parse(limits.model)
const open = (name) => ort.InferenceSession.create(new URL(name, import.meta.url).href)
const network = open("model.onnx"), mel = open("mel.onnx")
const COLUMNS = 250 // of a window

export async function predict(file) {
  if (file.size > Number(limits.mostBytes)) {
    throw new Error(`${file.name} is larger than ${limits.mostBytes / 2 ** 20} MiB: cut the sound`)
  }
  const sound = await decode(file)
  const length = sound[0].length, seconds = length / rate
  if (seconds > Number(limits.mostSeconds)) {
    throw new Error(`${file.name} lasts longer than ${limits.mostSeconds} s: cut it`)
  }
  const windows = []
  for (const start of starts(length, Math.round(samples / 2))) {
    const probabilities = Array.from(await run(await network, cut(sound, start), "probabilities"))
    windows.push({ start: start / rate, end: Math.min(start + samples, length) / rate, probabilities })
  }
  const mean = classes.map((_, i) => windows.reduce((sum, one) => sum + one.probabilities[i], 0) / windows.length)
  const best = Math.max(...mean), label = best < threshold ? "none of these" : classes[mean.indexOf(best)]
  return { name: file.name, seconds, label, classes, probabilities: mean, windows, spectrogram: await draw(sound) }
}

// Windows overlap by half; the last one ends where the sound does.
function starts(length, hop) {
  const found = [0]
  while (found.at(-1) + samples < length) found.push(Math.min(found.at(-1) + hop, length - samples))
  return found
}

// The channel that the features are of, or the mean of all; for the loudest, which each window has of its own, all.
async function decode(file) {
  let buffer
  try {
    const context = new OfflineAudioContext(1, 1, rate) // the browser resamples to its rate
    buffer = await context.decodeAudioData(await file.arrayBuffer())
  } catch {
    throw new Error(`${file.name} is not audio in a format that this browser reads`)
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, number) => buffer.getChannelData(number))
  if (channels.length === 1 || channel === "loudest") return channels
  if (channel > channels.length) {
    throw new Error(`${file.name} has ${channels.length} channels: the model hears number ${channel} alone`)
  }
  if (channel !== null) return [channels[channel - 1]]
  const mean = new Float32Array(buffer.length)
  for (const part of channels) {
    for (let i = 0; i < mean.length; i++) mean[i] += part[i] / channels.length
  }
  return [mean]
}

function cut(sound, start) {
  const parts = sound.map((part) => part.subarray(start, start + samples))
  const powers = parts.map((part) => part.reduce((sum, sample) => sum + sample * sample, 0))
  const clip = new Float32Array(samples)
  clip.set(parts[powers.indexOf(Math.max(...powers))])
  return clip
}

async function run(session, clip, output) {
  const made = await session.run({ waveform: new ort.Tensor("float32", clip, [1, samples]) })
  return made[output].data
}

// Mel bands in decibels below the loudest cell, a byte each, averaged to what a screen shows.
async function draw(sound) {
  const columns = Math.max(1, Math.round((COLUMNS * sound[0].length) / samples))
  let rows, power
  for (const start of starts(sound[0].length, samples)) {
    const part = (await (await mel).run({ waveform: new ort.Tensor("float32", cut(sound, start), [1, samples]) })).mel
    rows = part.dims[1]
    power ??= new Float32Array(rows * columns)
    const first = Math.round((COLUMNS * start) / samples), frames = part.dims[2]
    for (let column = 0; column < COLUMNS && first + column < columns; column++) {
      const from = Math.floor((column * frames) / COLUMNS), to = Math.ceil(((column + 1) * frames) / COLUMNS)
      for (let row = 0; row < rows; row++) {
        const cells = part.data.subarray(row * frames + from, row * frames + to)
        power[row * columns + first + column] = cells.reduce((sum, cell) => sum + cell, 0) / cells.length
      }
    }
  }
  const loudest = power.reduce((most, cell) => Math.max(most, cell), 1e-10)
  const decibel = (cell) => Math.max(-topDb, 10 * Math.log10(Math.max(cell, 1e-10) / loudest))
  return { rows, columns, bytes: Uint8Array.from(power, (cell) => ((decibel(cell) + topDb) * 255) / topDb) }
}
