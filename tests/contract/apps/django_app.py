"""A small Django project in one module, as WSGI and as ASGI application."""

# Django brings no types.
# mypy: disable-error-code="import-untyped"

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template import Context, Template
from django.urls import path

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="not a secret",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        # Django's own would send errors to nobody but the administrators.
        LOGGING_CONFIG=None,
        # It adds the Content-Length.
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    )
    django.setup()


def index(_request: HttpRequest) -> HttpResponse:
    """A page by a template."""
    page = Template("<p>{{ greeting }}</p>").render(Context({"greeting": "<hello>"}))
    return HttpResponse(page)


def item(request: HttpRequest, number: int) -> HttpResponse:
    """A converter and a query."""
    return JsonResponse({"number": number, "colour": request.GET.get("colour")})


def form(request: HttpRequest) -> HttpResponse:
    """Fields of a form."""
    return JsonResponse(request.POST.dict())


def upload(request: HttpRequest) -> HttpResponse:
    """The size of a file, which above 2.5 MB Django keeps on disk."""
    file: Any = request.FILES["file"]
    return JsonResponse({"name": file.name, "size": sum(map(len, file.chunks()))})


async def wait(_request: HttpRequest) -> HttpResponse:
    """A coroutine."""
    await asyncio.sleep(0)
    return HttpResponse("waited")


def stream(request: HttpRequest) -> HttpResponse:
    """A response in pieces, of the kind that the interface likes."""

    def pieces() -> Iterator[str]:
        for number in range(100):
            yield f"{number}\n"

    async def async_pieces() -> AsyncIterator[str]:
        for piece in pieces():
            yield piece

    return StreamingHttpResponse(async_pieces() if hasattr(request, "scope") else pieces())


def file(request: HttpRequest) -> FileResponse:
    """A file."""
    return FileResponse(open(request.GET["path"], "rb"), content_type="text/plain")


def missing(_request: HttpRequest) -> HttpResponse:
    """An error page of the framework's."""
    raise Http404


def broken(_request: HttpRequest) -> HttpResponse:
    """An error that the framework handles."""
    raise ValueError("broken on purpose")


urlpatterns = [
    path("", index),
    path("items/<int:number>", item),
    path("form", form),
    path("upload", upload),
    path("wait", wait),
    path("stream", stream),
    path("file", file),
    path("missing", missing),
    path("broken", broken),
]

wsgi = get_wsgi_application()
asgi = get_asgi_application()
