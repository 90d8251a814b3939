"""The published tables: for each study a module, whose TABLES make Markdown from its raw data."""
