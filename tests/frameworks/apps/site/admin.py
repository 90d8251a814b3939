"""What the admin page shows."""

# Django brings no types.
# mypy: disable-error-code="import-untyped"

from django.contrib import admin

from frameworks.apps.site.models import Note

admin.site.register(Note)
