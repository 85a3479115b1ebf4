// Variables by which whoever sets them decides what code a program runs: a library that is loaded with it, a start-up
// file, the command that it calls. A file may set them for `tunnels run` and `env` only with its reader's agreement.

const NAMES = new Set(
  (
    'PATH HOME SHELL IFS ENV CDPATH PS4 ZDOTDIR PROMPT_COMMAND EDITOR VISUAL PAGER BROWSER TERMINFO CLASSPATH ' +
    'SSH_ASKPASS SUDO_ASKPASS LESSOPEN LESSCLOSE MANPAGER GCONV_PATH NLSPATH HOSTALIASES RES_OPTIONS ' +
    'PGSYSCONFDIR PSQLRC PSQL_PAGER PSQL_EDITOR KUBECONFIG DOCKER_CONFIG AWS_CONFIG_FILE OPENSSL_CONF ' +
    'OPENSSL_MODULES CURL_HOME WGETRC INPUTRC PHPRC PHP_INI_SCAN_DIR MAKEFLAGS CC CXX CFLAGS LDFLAGS ' +
    'CMAKE_TOOLCHAIN_FILE GOFLAGS GOENV GOPATH GOROOT GOPROXY GOTOOLDIR'
  ).split(' '),
)

/** Families of them: the dynamic linker's, and those of languages and tools. */
const PREFIXES =
  'LD_ DYLD_ BASH_ NODE_ NPM_CONFIG_ npm_config_ YARN_ PNPM_ PYTHON PIP_ PERL RUBY GEM_ BUNDLE_ JAVA_ _JAVA_ JDK_JAVA_ ' +
  'MAVEN_ GRADLE_ GIT_ LUA_ R_ JULIA_ DOTNET_ CORECLR_ COR_ CARGO_ RUST XDG_ TUNNELS_'

const families = PREFIXES.split(' ')

export function decidesWhatRuns(variable: string): boolean {
  return NAMES.has(variable) || families.some((family) => variable.startsWith(family))
}
