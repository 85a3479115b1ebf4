// Variables by which whoever sets them decides what code a program runs: a library that is loaded with it, a start-up
// file, the command that it calls. A file may set them for `tunnels run` and `env` only with its reader's agreement.

const NAMES = new Set(
  (
    'PATH HOME SHELL IFS ENV CDPATH PS0 PS1 PS2 PS3 PS4 PROMPT RPROMPT PROMPT_COMMAND ZDOTDIR FPATH ' +
    'EDITOR VISUAL FCEDIT SUDO_EDITOR PAGER BROWSER TERMINFO CLASSPATH VIMINIT EXINIT LESS MAKEFILES ' +
    'RSYNC_RSH CVS_RSH SVN_SSH OPENSSL_ENGINES LIBMYSQL_PLUGINS ERL_FLAGS AWS_SHARED_CREDENTIALS_FILE ' +
    'SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE REQUESTS_CA_BUNDLE ' +
    'SSH_ASKPASS SUDO_ASKPASS LESSOPEN LESSCLOSE MANPAGER GCONV_PATH NLSPATH HOSTALIASES RES_OPTIONS ' +
    'PGSYSCONFDIR PSQLRC PSQL_PAGER PSQL_EDITOR KUBECONFIG DOCKER_CONFIG AWS_CONFIG_FILE OPENSSL_CONF ' +
    'OPENSSL_MODULES CURL_HOME WGETRC INPUTRC PHPRC PHP_INI_SCAN_DIR MAKEFLAGS CC CXX CFLAGS LDFLAGS ' +
    'CMAKE_TOOLCHAIN_FILE GOFLAGS GOENV GOPATH GOROOT GOPROXY GOTOOLDIR'
  ).split(' '),
)

/** Families of them: the dynamic linker's, and those of languages and tools. */
const PREFIXES =
  'LD_ DYLD_ BASH_ NODE_ NPM_CONFIG_ npm_config_ YARN_ PNPM_ PYTHON PIP_ PERL RUBY GEM_ BUNDLE_ JAVA_ _JAVA_ JDK_JAVA_ ' +
  'MAVEN_ GRADLE_ ANSIBLE_ GIT_ LUA_ R_ JULIA_ DOTNET_ CORECLR_ COR_ CARGO_ RUST XDG_ TUNNELS_'

const families = PREFIXES.split(' ')

export function decidesWhatRuns(variable: string): boolean {
  return NAMES.has(variable) || families.some((family) => variable.startsWith(family))
}
