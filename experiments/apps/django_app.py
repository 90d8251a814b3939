"""Hello, world in Django, as WSGI."""

# The types are checked where the framework is not installed, too.
# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator"

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path

from experiments.apps.state import PATH, state

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        # It adds the Content-Length, without which the response is chunked.
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    )
    django.setup()


def hello(request: HttpRequest) -> HttpResponse:
    """Say hello."""
    return HttpResponse(b"Hello, world!")


def worker_state(request: HttpRequest) -> HttpResponse:
    """Report the worker's state."""
    return HttpResponse(state(), content_type="application/json")


urlpatterns = [path("", hello), path(PATH.removeprefix("/"), worker_state)]
app = WSGIHandler()
