"""What the project keeps."""

# Django brings no types.
# mypy: disable-error-code="import-untyped,misc"

from django.db import models


class Note(models.Model):
    """A note."""

    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return str(self.text)
