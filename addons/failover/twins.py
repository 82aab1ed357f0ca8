"""Copies of plain objects, as cheap as can be: of a message, whose headers may then be changed, and of a context."""

from mitmproxy import http
from mitmproxy.proxy.context import Context

from axonhub.addons.indexed_headers import indexed


def twin[Message: http.Message](message: Message) -> Message:
    """A copy whose headers may be changed; the body is shared. The headers of both are indexed."""
    headers = indexed(message)
    twin = _shallow(message)
    twin.data = _shallow(message.data)
    twin.headers = _shallow(headers)
    return twin


def _shallow[Thing](thing: Thing) -> Thing:
    """`copy.copy` for a plain object, in a fifth of the time."""
    twin = object.__new__(type(thing))
    twin.__dict__.update(thing.__dict__)
    return twin


def forked(context: Context) -> Context:
    """As `fork`, without the Server that it makes and throws away."""
    fork = _shallow(context)
    fork.layers = context.layers.copy()
    return fork
