"""Measuring: a load client of its own process, and the study of a user's application on it.

Nothing that serves imports this package.
"""
