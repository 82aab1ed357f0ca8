"""Console command `axonhub playback`: a recorded trace as a provider on loopback, until it is interrupted."""

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from threading import Thread

from axonhub.addons.playing.matching import Repertoire
from axonhub.addons.playing.server import PlaybackServer
from axonhub.addons.playing.takes import Take, takes_of, trace_of_lines
from axonhub.addons.reading import load_in_force
from axonhub.addons.store.reader import TraceReader
from axonhub.addons.study import stored_trace
from axonhub.addons.terminal import CommandFailed, print_text


def playback(arguments: argparse.Namespace) -> int:
    takes = _takes(arguments)
    if not takes:
        raise CommandFailed(f"nothing of {arguments.trace!r} was answered and has its bodies still")
    repertoire = Repertoire(takes, arguments.loose)
    try:
        server = PlaybackServer(arguments.port, repertoire, _tell, paced=arguments.paced)
    except OSError as error:
        raise CommandFailed(f"port {arguments.port}: {error.strerror}") from error
    print_text(f"{len(takes)} recorded answers are played at {server.url}; any API key will do. Ctrl-C ends it.")
    print_text(f'export ANTHROPIC_BASE_URL="{server.url}/anthropic" ANTHROPIC_AUTH_TOKEN=playback')
    print_text(f'export OPENAI_BASE_URL="{server.url}/v1" GOOGLE_GEMINI_BASE_URL="{server.url}/gemini"')
    sys.stdout.flush()
    _serve(server)
    if left := repertoire.not_given:
        print_text(f"Never asked for: {', '.join(left)}")
    return 0


def _serve(server: PlaybackServer) -> None:
    def stop(*_: object) -> None:
        Thread(target=server.shutdown).start()  # which waits for the loop, and the loop for this handler

    signal.signal(signal.SIGTERM, stop)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.1)
    server.server_close()


def _takes(arguments: argparse.Namespace) -> tuple[Take, ...]:
    """From a file of JSON lines where there is one of this name, else from the store. CommandFailed."""
    file = Path(arguments.trace)
    if not file.is_file():
        config = load_in_force(arguments.config)[0]
        return takes_of(stored_trace(TraceReader.open(config.store.path), arguments.trace))
    try:
        return takes_of(trace_of_lines(file.read_bytes()))
    except (OSError, ValueError, AttributeError) as error:
        raise CommandFailed(f"{file} is not what `axonhub export --as jsonl` writes") from error


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def add_playback(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "play a recorded trace as a provider: an agent's run repeats without tokens"
    parser = commands.add_parser("playback", help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help="config.yml to use")
    parser.add_argument("trace", metavar="TRACE", help="id of a trace, or a file of `axonhub export ID --as jsonl`")
    parser.add_argument("--port", type=int, default=8092, help="on 127.0.0.1; 0: any free one")
    parser.add_argument("--loose", action="store_true", help="match by place in the conversation, not by equal bodies")
    parser.add_argument("--paced", action="store_true", help="answers take the time that they took")
    parser.set_defaults(run=playback)
