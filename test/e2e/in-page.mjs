// @ts-nocheck: there is no document here, only where it runs.
// What tests have a page of a browser do: to look at itself, and to get at a dashboard that is not its own.

/** Pixels that stick out to the right, of the page and of its parts, texts with less contrast than WCAG AA asks for (4.5), which scheme. */
export function looks() {
  const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = (color) => {
    const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const groundOf = (element) => {
    const { backgroundColor } = getComputedStyle(element ?? document.body)
    const isSeen = (channels(backgroundColor)[3] ?? 1) === 1 && backgroundColor !== 'transparent'
    return isSeen || !element?.parentElement ? backgroundColor : groundOf(element.parentElement)
  }
  const contrast = (element) => {
    const [one, other] = [getComputedStyle(element).color, groundOf(element)].map(luminance)
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
  }
  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim())
  const texts = [...document.querySelectorAll('#app *')].filter(hasText)
  return {
    wider: document.documentElement.scrollWidth - innerWidth,
    over: Math.max(
      ...[...document.querySelectorAll('section')].map((part) => part.scrollWidth - part.clientWidth),
    ),
    faint: texts
      .filter((element) => contrast(element) < 4.5)
      .map((element) => element.outerHTML.slice(0, 120)),
    dark: luminance(groundOf(document.body)) < 0.2,
  }
}

/** In a page of elsewhere: what it can read of the dashboard or make it do. */
export async function attack({ origin, url, token }) {
  const tried = async (request) => request.then((answer) => answer.text()).catch(() => 'refused')
  const body = JSON.stringify({ name: 'web' })
  const headers = { 'tunnels-token': token, 'content-type': 'application/json' }
  const simple = await fetch(`${origin}/close`, { method: 'POST', mode: 'no-cors', body }).then(
    () => 'sent',
    () => 'refused',
  )
  const element = (made, source) =>
    new Promise((resolve) => {
      made.onload = () => resolve(made)
      made.onerror = () => resolve('refused')
      Object.assign(made, { src: source })
      document.body.append(made)
    })
  const frame = await element(document.createElement('iframe'), url)
  const script = await element(document.createElement('script'), url)
  return {
    read: await tried(fetch(url)),
    blind: await tried(fetch(`${origin}/close`, { method: 'POST', headers, body })),
    simple,
    framed: frame !== 'refused' && frame.contentDocument ? 'something' : 'nothing',
    script: script === 'refused' ? 'refused' : 'loaded',
    cookie: document.cookie,
  }
}
