// Hands the microphone's first channel to the page, some twenty times a second.
class Recorder extends AudioWorkletProcessor {
  block = new Float32Array(2048)
  filled = 0

  process([channels]) {
    const samples = channels[0]
    if (!samples) return true
    this.block.set(samples, this.filled)
    this.filled += samples.length
    if (this.filled === this.block.length) {
      this.port.postMessage(this.block.slice())
      this.filled = 0
    }
    return true
  }
}
registerProcessor("recorder", Recorder)
