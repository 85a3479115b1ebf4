// What stands where the token is missing: a tab that had it, and was loaded again, goes back with it, once.

import { forgetToken, storedToken } from './token.ts'

const token = storedToken()
if (token !== null && location.search === '') location.replace(`/?token=${encodeURIComponent(token)}`)
else forgetToken()
