-- A run whose end is decided goes on until the hooks and failure actions that its end has called are done.

ALTER TABLE flow_runs ADD COLUMN ending TEXT; -- the state that it will end in; NULL = not decided
