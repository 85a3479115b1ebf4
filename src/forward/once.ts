// What lets go of something, told so more than once: by whoever ends first, and by those who only make sure.

export function once(action: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    action()
  }
}
