// Asks the page's script what it gives the network of a sound; a network that answers what it hears.
import { pathToFileURL } from "node:url"

const [script, given] = process.argv.slice(2)
const { model, sound } = JSON.parse(given)
const run = async ({ waveform }) => ({ probabilities: waveform, mel: { dims: [1, 1, 1], data: new Float32Array(1) } })
const buffer = { length: sound[0].length, numberOfChannels: sound.length, getChannelData: (n) => Float32Array.from(sound[n]) }
globalThis.document = { body: { dataset: { model: JSON.stringify(model), mostBytes: 99, mostSeconds: 99 } } }
globalThis.OfflineAudioContext = class { decodeAudioData() { return buffer } }
globalThis.ort = {
  env: { wasm: {} },
  InferenceSession: { create: async () => ({ run }) },
  Tensor: class { constructor(type, data) { this.data = data } },
}
const { predict } = await import(pathToFileURL(script).href)
try {
  const { windows } = await predict({ name: "a.wav", size: 1, arrayBuffer: async () => null })
  console.log(JSON.stringify([windows[0], windows.at(-1)].map((window) => window.probabilities)))
} catch (error) {
  console.log(JSON.stringify(error.message))
}
