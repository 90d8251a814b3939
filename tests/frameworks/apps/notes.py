"""A database: notes in SQLite, in the file that $NOTES names."""

import os
import sqlite3
from contextlib import closing


def add(text: str) -> None:
    """Keep a note."""
    with closing(_open()) as connection, connection:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))


def texts() -> list[str]:
    """All that was kept, in order."""
    with closing(_open()) as connection:
        rows = connection.execute("SELECT text FROM notes ORDER BY rowid").fetchall()
    return [text for (text,) in rows]


def _open() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ["NOTES"])
    connection.execute("CREATE TABLE IF NOT EXISTS notes (text)")
    return connection
