// What the server says of a file.
const limits = document.body.dataset

export async function predict(file) {
  if (file.size > Number(limits.mostBytes)) {
    throw new Error(`${file.name} is larger than ${limits.mostBytes / 2 ** 20} MiB: cut the sound`)
  }
  const form = new FormData()
  form.append("file", file)
  let response, body
  try {
    response = await fetch("predict?spectrogram=true", { method: "POST", body: form })
    body = await response.json()
  } catch {
    throw new Error(`${file.name}: the server does not answer`)
  }
  if (!response.ok) throw new Error(body.error)
  body.spectrogram.bytes = Uint8Array.from(atob(body.spectrogram.cells), (letter) => letter.charCodeAt(0))
  return body
}
