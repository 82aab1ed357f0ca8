"""A network of its own for a test: loopback and nothing else, so that what leaves the machine fails instead of leaving.

Linux only, and only for root (a namespace needs it); anywhere else the machine's own network stands in. The namespace
has no name: it lives in one thread, and ends with that thread and the processes that were started from it.
"""

import os
import socket
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x41


class Network:
    """Where upstream, gateway and client of a test meet."""

    def __init__(self, thread: ThreadPoolExecutor | None = None) -> None:
        """`thread` is the one thread that is in the namespace; None is the machine's own network."""
        self._thread = thread

    @property
    def isolated(self) -> bool:
        return self._thread is not None

    def inside[**Arguments, Value](
        self, function: Callable[Arguments, Value], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Value:
        """Calls the function in this network, of which its new sockets and processes are for good."""
        if self._thread is None:
            return function(*arguments, **named)
        return self._thread.submit(function, *arguments, **named).result()

    def listener(self) -> socket.socket:
        return self.inside(socket.create_server, ("127.0.0.1", 0), backlog=128)

    def free_port(self) -> int:
        with self.listener() as listener:
            return int(listener.getsockname()[1])


MACHINE = Network()


def loopback_only() -> Network:
    """A new network with only loopback; the machine's own when it cannot be made."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return MACHINE
    thread = ThreadPoolExecutor(1, "loopback-only")
    try:
        thread.submit(enter_new_network).result()
    except PermissionError:  # root in a container without the capability
        thread.shutdown()
        return MACHINE
    return Network(thread)


def enter_new_network() -> None:
    """Moves the calling thread, and only it, to a new network namespace and switches its loopback on."""
    import fcntl  # not on Windows

    os.unshare(os.CLONE_NEWNET)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
