// Where the page has its token: in this tab's storage, which no other port of this machine can read. A cookie would go to
// every port of 127.0.0.1, and so to the far web server that a forward on 127.0.0.1:8080 leads to.

const KEY = 'tunnels-token'

/** Takes it out of the address, where somebody could read it over a shoulder or in a screenshot. */
export function takeToken(): string {
  const given = new URLSearchParams(location.search).get('token')
  if (given !== null) {
    sessionStorage.setItem(KEY, given)
    history.replaceState(null, '', '/')
  }
  return sessionStorage.getItem(KEY) ?? ''
}

/** Null: this tab has none. */
export function storedToken(): string | null {
  return sessionStorage.getItem(KEY)
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY)
}
