"""A Django project, with one application of its own: notes."""
