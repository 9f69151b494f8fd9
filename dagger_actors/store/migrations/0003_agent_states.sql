-- What durable actors know, as of their last commit.

CREATE TABLE agent_states (
  name TEXT PRIMARY KEY,             -- the actor's name in its system: the ids from the root on, as in back_office/clerk
  class TEXT NOT NULL,               -- who wrote it last: module and class, for people
  format INTEGER NOT NULL,           -- how the state is encoded; 1 = MessagePack, the fields by name
  state BLOB NOT NULL,
  version INTEGER NOT NULL,          -- counts the commits that changed it; 0 = as it was made
  updated_at INTEGER NOT NULL,
  owner INTEGER,                     -- worker_id; NULL = nobody's
  epoch INTEGER NOT NULL             -- counts the owners; every owner write expects both
) STRICT;
