-- The tables of index.yaml. `modules` and `found` are written with the end of each task of `parse`; `merge` moves what was
-- found into the index, in one transaction: whoever searches sees the index as it was, or as it is to be.
CREATE TABLE IF NOT EXISTS modules (
    path TEXT PRIMARY KEY,
    package TEXT NOT NULL,
    mtime_ns INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    problem TEXT NOT NULL,                   -- why it could not be parsed; empty = it was
    is_merged INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS modules_of_package ON modules (package);
CREATE TABLE IF NOT EXISTS found (
    path TEXT NOT NULL, package TEXT NOT NULL, name TEXT NOT NULL, line INTEGER NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS found_in ON found (path);
CREATE VIRTUAL TABLE IF NOT EXISTS docstrings USING fts5 (
    name, text, path UNINDEXED, package UNINDEXED, line UNINDEXED, tokenize = 'porter unicode61'
);
