"""mitmproxy's inner names, all that we use: nothing promises that they stay. The only file that imports them.

A new minor of mitmproxy that moves or changes one of these needs a change here and a run of `scripts/minors`.
"""

from mitmproxy.http import MessageData, RequestData as RequestHead, ResponseData as ResponseHead
from mitmproxy.net.http.http1 import assemble_request_head, assemble_response_head
from mitmproxy.proxy.layers.http import (
    DropStream,
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpClient,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RegisterHttpConnection,
    SendHttp,
)
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    HttpEvent,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Connection, Http1Server, make_body_reader
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.modes import ReverseProxy

__all__ = [
    "DropStream",
    "ErrorCode",
    "GetHttpConnection",
    "GetHttpConnectionCompleted",
    "HTTPMode",
    "Http1Client",
    "Http1Connection",
    "Http1Server",
    "Http2Server",
    "HttpClient",
    "HttpErrorHook",
    "HttpEvent",
    "HttpLayer",
    "HttpRequestHook",
    "HttpResponseHeadersHook",
    "HttpResponseHook",
    "HttpStream",
    "MessageData",
    "ReceiveHttp",
    "RegisterHttpConnection",
    "RequestData",
    "RequestEndOfMessage",
    "RequestHead",
    "RequestHeaders",
    "RequestProtocolError",
    "RequestTrailers",
    "ResponseData",
    "ResponseEndOfMessage",
    "ResponseHead",
    "ResponseHeaders",
    "ResponseProtocolError",
    "ResponseTrailers",
    "ReverseProxy",
    "SendHttp",
    "assemble_request_head",
    "assemble_response_head",
    "make_body_reader",
]
