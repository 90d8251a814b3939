"""Flask, Bottle and Django as WSGI applications."""

from frameworks.site_uses import Site
from frameworks.uses import Files, Heads, Ranges, Web


class TestFlask(Web, Heads, Files, Ranges):
    NAME = "Flask"
    APP = ("frameworks.apps.flask_app:app",)


class TestBottle(Web, Heads):
    NAME = "Bottle"
    APP = ("frameworks.apps.bottle_app:app", "--threads", "4")


class TestDjango(Site, Heads, Files):
    APP = ("frameworks.apps.site.project:wsgi", "--threads", "4")
