"""The ASGI kit below /shop, as an application is that looks at paths by itself."""

from contract.apps import kit_asgi


async def app(scope: kit_asgi.Scope, receive: kit_asgi.Receive, send: kit_asgi.Send) -> None:
    """Answer /scope with the scope, and all else with hello."""
    if scope["type"] == "lifespan":
        await kit_asgi.lifespan(scope, receive, send)
    elif scope["path"] == "/shop/scope":
        await kit_asgi.scope(scope, receive, send)
    else:
        await kit_asgi.hello(scope, receive, send)
