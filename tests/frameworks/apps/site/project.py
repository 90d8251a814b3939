"""A Django project: pages, forms, sessions, SQLite, static files, the admin page; WSGI and ASGI."""

# Django brings no types.
# mypy: disable-error-code="import-untyped,untyped-decorator"

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler, StaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from frameworks.apps.folders import STATIC, TEMPLATES

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["NOTES"]}
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "frameworks.apps.site",
        ],
        # Django's own would send errors to nobody but the administrators.
        LOGGING_CONFIG=None,
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            # It adds the Content-Length.
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        # The others take as long as they can, which is what they are for.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="not a secret",
        STATIC_URL="/static/",
        STATICFILES_DIRS=[STATIC],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [TEMPLATES],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
    )
    django.setup()


def prepare() -> None:
    """Make the database, with a user who may do everything."""
    from django.contrib.auth.models import User

    call_command("migrate", run_syncdb=True, verbosity=0)
    User.objects.create_superuser("ada", password="not a secret")
    connection.close()


def index(request: HttpRequest) -> HttpResponse:
    """A page by a template."""
    return render(request, "page.html", {"greeting": "<hello>", "framework": "Django"})


def item(request: HttpRequest, number: int) -> HttpResponse:
    """A converter and a query."""
    return JsonResponse({"number": number, "colour": request.GET.get("colour")})


@csrf_exempt
def form(request: HttpRequest) -> HttpResponse:
    """Fields of a form."""
    return JsonResponse(request.POST.dict())


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    """The size of a file, which above 2.5 MB Django keeps on disk."""
    file: Any = request.FILES["file"]
    return JsonResponse({"name": file.name, "size": sum(map(len, file.chunks()))})


@csrf_exempt
def echo_json(request: HttpRequest) -> HttpResponse:
    """JSON, there and back."""
    return JsonResponse(json.loads(request.body))


def count(request: HttpRequest) -> HttpResponse:
    """A session, in the database."""
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse(request.session["count"], safe=False)


@csrf_exempt
def all_notes(request: HttpRequest) -> HttpResponse:
    """A database."""
    from frameworks.apps.site.models import Note

    if request.method == "POST":
        Note.objects.create(text=request.POST["text"])
    texts = Note.objects.order_by("id").values_list("text", flat=True)
    return JsonResponse([*texts], safe=False)


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
    path("json", echo_json),
    path("count", count),
    path("notes", all_notes),
    path("wait", wait),
    path("stream", stream),
    path("file", file),
    path("missing", missing),
    path("broken", broken),
    path("admin/", admin.site.urls),
]

wsgi = StaticFilesHandler(get_wsgi_application())
_pages = ASGIStaticFilesHandler(get_asgi_application())


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Django for http, and a WebSocket beside it, which Django leaves to others."""
    if scope["type"] != "websocket":
        await _pages(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"heard {message['text']}"})
