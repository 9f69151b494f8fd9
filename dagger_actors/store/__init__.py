"""The one SQLite file: connections, migrations, the journal that writes, the readers, artifacts, ownership."""
