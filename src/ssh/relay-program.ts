// What runs on the far side for `gateway: relay`: a launcher for any login shell, and the relay itself where Python is
// there. Each watches its standard input, because a command without a terminal outlives the connection that started it.

import type { RelayMark } from '../forward/carrier.ts'

/** How often a relay hears from us. */
export const BEAT_MS = 15_000
/** A relay that has heard nothing for so long ends: its connection is lost, and the server may not know for hours. */
const PATIENCE_S = 75

/** What a relay says begins with this word and its token; all else is an account's own talk. */
export const RELAY_WORD = 'tunnels-relay'

export interface RelayOrder {
  /** Hexadecimal digits. */
  token: string
  /** `any`, or an IP address. */
  bind: string
  port: number
  /** The port on the server's loopback that leads to us. */
  inner: number
  /** A relay of before, which may still hold the port. */
  before: RelayMark | null
}

/** One line for whatever shell the account has (csh and fish, too): no quote, line break or backslash inside. */
export function relayCommand({ token, bind, port, inner, before }: RelayOrder): string {
  const size = Buffer.byteLength(PYTHON_RELAY)
  const words = [
    RELAY_WORD,
    token,
    bind,
    port,
    inner,
    size,
    before?.pids.join(':') || 0,
    before?.token ?? 'none',
  ]
  const unsafe = words.find((word) => !/^[\w.:-]+$/.test(String(word)))
  if (unsafe !== undefined) throw new Error(`${unsafe} is not fit for a command line`)
  return `exec sh -c '${LAUNCHER}' ${words.join(' ')}`
}

/** `ps` and /proc name the holder by its token, so that no other process is ever ended. */
const TAKE_OVER = [
  'IFS=:; for o in $6; do',
  'if { ps -ww -o args= -p "$o" || cat "/proc/$o/cmdline"; } 2>/dev/null | grep -q "$7"; then kill "$o";',
  'for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$o" 2>/dev/null || break; sleep 0.1; done; fi; done; unset IFS;',
]

/** `-I`: no module of the account's home folder takes the place of Python's own. It reads the program, and no more. */
const WITH_PYTHON = [
  'if python3 -I -c "import asyncio" 2>/dev/null </dev/null; then say python3;',
  'exec python3 -I -c "import io;exec(io.BufferedReader(io.FileIO(0,closefd=False)).read($n))" $w "$t" "$a" "$p" "$q"; fi;',
]

/** socat has a process for each connection. `-t`: a side that has ended waits for the other one, as long as it takes. */
const WITH_SOCAT = [
  'if command -v socat >/dev/null; then say socat;',
  'set -- socat -lp "$w-$t" -d -d -t 2000000 "$l,fork,reuseaddr,nodelay,backlog=128" "TCP4:127.0.0.1:$q,nodelay";',
]

/** With a key of that account which lets it in there; nobody is asked. It says all in one stream, so in order. Its connections end with its listener. */
const WITH_SSH = [
  'elif command -v ssh >/dev/null; then say ssh;',
  'set -- ssh -o BatchMode=yes -o ExitOnForwardFailure=yes -o NoHostAuthenticationForLocalhost=yes -o ControlPath=none',
  '-o LogLevel=VERBOSE',
  '-o PermitLocalCommand=yes -o LocalCommand="echo $w $t listening >&2" -a -x -N -T -g -L "$s:$p:127.0.0.1:$q"',
  '-p "${SSH_CONNECTION##* }" localhost;',
  'else say none; exit 1; fi;',
]

const LAUNCHER = [
  `LC_ALL=C; export LC_ALL; w=${RELAY_WORD} t=$1 a=$2 p=$3 q=$4 n=$5; say() { echo "$w $t $*"; };`,
  ...TAKE_OVER,
  'say pid $$;',
  ...WITH_PYTHON,
  'case $a in any) s="*"; l="TCP6-LISTEN:$p,ipv6only=0"; if [ -d /proc/net ]; then [ -e /proc/net/if_inet6 ] || l="TCP4-LISTEN:$p"; fi;;',
  '*:*) s="[$a]"; l="TCP6-LISTEN:$p,bind=[$a]";; *) s=$a; l="TCP4-LISTEN:$p,bind=$a";; esac;',
  ...WITH_SOCAT,
  ...WITH_SSH,
  'exec 3<&0; "$@" </dev/null & c=$!; say pid $c;',
  // Whole groups only where this one is ours: sshd makes one for each command.
  'end() { trap "" TERM; kill "$c" $r 2>/dev/null; kill -0 "-$$" 2>/dev/null && kill -TERM "-$$"; exit 0; };',
  'trap end TERM;',
  `wait_long() { sleep ${PATIENCE_S} & s=$!; trap "kill $s; exit" TERM; wait "$s"; kill $$; };`,
  '( while { wait_long >/dev/null 2>&1 </dev/null & d=$!; read -r x; }; do kill "$d";',
  'if [ "$x" = stop ]; then kill "$c"; fi; done;',
  'kill "$d" $$ ) <&3 >/dev/null 2>&1 & r=$!;',
  'exec 3<&-; wait "$c"; say ended; wait "$r"; end',
].join(' ')

/** Python 3.6 or newer. */
export const PYTHON_RELAY = `import asyncio, errno, logging, os, resource, socket, struct, sys

WORD, TOKEN, ADDRESS, PORT, INNER = sys.argv[1:6]
LIMIT = 262144
open_now = set()


def say(*words):
    try:
        os.write(1, (" ".join((WORD, TOKEN) + words) + "\\n").encode())
    except OSError:
        pass


def listen():
    if ADDRESS != "any":
        return bound(socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET, ADDRESS)
    try:
        return bound(socket.AF_INET6, "::")
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise
        return bound(socket.AF_INET, "0.0.0.0")


def bound(family, address):
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        listener.bind((address, int(PORT)))
        listener.listen(128)
        return listener
    except OSError:
        listener.close()
        raise


async def serve(near_reader, near):
    both = [near]
    open_now.add(near)
    try:
        far_reader, far = await dial()
        both.append(far)
        open_now.add(far)
        await asyncio.gather(pump(near_reader, far), pump(far_reader, near))
        for writer in both:
            writer.close()
    except Exception:
        for writer in both:
            cut(writer)
    finally:
        open_now.difference_update(both)


async def dial():
    try:
        return await asyncio.open_connection("127.0.0.1", int(INNER), limit=LIMIT)
    except OSError:
        return await asyncio.open_connection("::1", int(INNER), limit=LIMIT)


async def pump(reader, writer):
    while True:
        data = await reader.read(LIMIT)
        if not data:
            return writer.write_eof()
        writer.write(data)
        await writer.drain()


def cut(writer):
    try:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except Exception:
        pass
    writer.transport.abort()


def end():
    for writer in list(open_now):
        cut(writer)
    loop.call_soon(loop.stop)


def main():
    logging.disable(logging.CRITICAL)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass
    try:
        listener = listen()
    except OSError as error:
        return say("error", errno.errorcode.get(error.errno, "EIO"))
    server = loop.run_until_complete(asyncio.start_server(serve, sock=listener, limit=LIMIT))
    patience = [loop.call_later(${PATIENCE_S}, end)]

    def heard():
        words = os.read(0, 4096)
        patience[0].cancel()
        patience[0] = loop.call_later(${PATIENCE_S}, end)
        if not words:
            loop.remove_reader(0)
            end()
        elif b"stop" in words:
            server.close()
            say("ended")

    loop.add_reader(0, heard)
    say("listening")
    loop.run_forever()
    os._exit(0)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
main()
`
