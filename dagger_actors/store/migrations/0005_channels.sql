-- Channels: logs of messages, and the subscriptions that read them.

CREATE TABLE channels (
  channel_key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,         -- of a group's private one: @ and the group's name
  schema TEXT NOT NULL,              -- JSON Schema of what it takes
  types TEXT NOT NULL,               -- names of the classes it takes, as a JSON array; empty = anything
  capacity INTEGER NOT NULL,         -- messages that its slowest subscription may not have done
  overflow TEXT NOT NULL CHECK (overflow IN ('block', 'reject')),
  retain_age_us INTEGER,             -- how long done messages are kept; NULL = as long as the others allow
  retain_count INTEGER,              -- how many messages are kept at most, of those that are done; NULL = any number
  retain_bytes INTEGER,              -- how much of them
  next_offset INTEGER NOT NULL DEFAULT 0,
  first_offset INTEGER NOT NULL DEFAULT 0, -- the lowest one that is kept
  bytes INTEGER NOT NULL DEFAULT 0,  -- of all that is kept
  floor INTEGER NOT NULL DEFAULT 0,  -- below it every subscription has done all; as it was looked up last: never too high
  delayed INTEGER NOT NULL DEFAULT 0, -- messages that are due later, timers not counted
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- With a rowid: rows of a tree of keys that are larger than a quarter of a page spill, and 1,000 bytes cost three times
-- as much and four times the room.
CREATE TABLE messages (
  channel_key INTEGER NOT NULL REFERENCES channels (channel_key),
  offset INTEGER NOT NULL,           -- its place in the committed order, from 0
  type TEXT NOT NULL,                -- the name of its class; empty = none
  payload TEXT NOT NULL,             -- JSON
  published_at INTEGER NOT NULL,
  message_id TEXT,
  key TEXT,                          -- given by who published it; NULL = its fields say it
  headers TEXT,                      -- a JSON object of texts
  source TEXT,                       -- the subscription whose turn published it
  source_key TEXT,
  target TEXT,                       -- the subscription it is for, on a private channel
  PRIMARY KEY (channel_key, offset)
) STRICT;

CREATE UNIQUE INDEX messages_unique ON messages (channel_key, message_id) WHERE message_id IS NOT NULL;

CREATE TABLE delayed_messages (      -- messages that are due later, timers among them
  delayed_key INTEGER PRIMARY KEY,
  due_at INTEGER NOT NULL,
  channel_key INTEGER NOT NULL REFERENCES channels (channel_key),
  type TEXT NOT NULL,
  payload TEXT NOT NULL,
  message_id TEXT,
  key TEXT,
  headers TEXT,
  source TEXT,
  source_key TEXT,
  target TEXT,
  timer_group INTEGER,               -- whose timer it is; NULL = a message
  timer_key TEXT,
  timer_name TEXT
) STRICT;

CREATE INDEX delayed_messages_due ON delayed_messages (due_at, delayed_key);
CREATE UNIQUE INDEX delayed_messages_timers ON delayed_messages (timer_group, timer_key, timer_name)
  WHERE timer_name IS NOT NULL;
CREATE UNIQUE INDEX delayed_messages_unique ON delayed_messages (channel_key, message_id) WHERE message_id IS NOT NULL;

CREATE TRIGGER delayed_messages_inserted AFTER INSERT ON delayed_messages WHEN NEW.timer_name IS NULL
BEGIN
  UPDATE channels SET delayed = delayed + 1 WHERE channel_key = NEW.channel_key;
END;

CREATE TRIGGER delayed_messages_deleted AFTER DELETE ON delayed_messages WHEN OLD.timer_name IS NULL
BEGIN
  UPDATE channels SET delayed = delayed - 1 WHERE channel_key = OLD.channel_key;
END;

CREATE TABLE subscription_groups (
  group_key INTEGER PRIMARY KEY AUTOINCREMENT, -- of what was forgotten no key comes again, whoever still has it in hand
  name TEXT NOT NULL UNIQUE,
  place TEXT NOT NULL,               -- where its class was found last, for people
  version INTEGER NOT NULL DEFAULT 0, -- rises when its members should look again
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE subscriptions (
  subscription_key INTEGER PRIMARY KEY AUTOINCREMENT,
  group_key INTEGER NOT NULL REFERENCES subscription_groups (group_key),
  name TEXT NOT NULL UNIQUE,         -- group.handler
  pattern TEXT NOT NULL,             -- the channels it reads
  start TEXT NOT NULL,               -- where it begins on a channel that is new to it: earliest, latest, an offset, a time
  ranges INTEGER NOT NULL CHECK (ranges IN (1, 64)), -- 1 = all in order
  keying TEXT NOT NULL,              -- what says the range of a message
  settings TEXT NOT NULL,            -- the rest of its options as JSON, for people
  paused_at INTEGER,                 -- NULL = it is not paused
  reason TEXT,                       -- why it is
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX subscriptions_group ON subscriptions (group_key);

CREATE TABLE subscription_workers (  -- who has the code of a subscription; of the living that is true
  subscription_key INTEGER NOT NULL REFERENCES subscriptions (subscription_key),
  worker INTEGER NOT NULL,
  PRIMARY KEY (subscription_key, worker)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscription_channels ( -- a subscription on one channel
  cursor_key INTEGER PRIMARY KEY AUTOINCREMENT,
  subscription_key INTEGER NOT NULL REFERENCES subscriptions (subscription_key),
  channel_key INTEGER NOT NULL REFERENCES channels (channel_key),
  start_offset INTEGER NOT NULL,     -- where ranges without a row in cursors begin
  UNIQUE (subscription_key, channel_key)
) STRICT;

CREATE INDEX subscription_channels_channel ON subscription_channels (channel_key);

CREATE TABLE cursors (               -- how far each range is done
  cursor_key INTEGER NOT NULL REFERENCES subscription_channels (cursor_key),
  range INTEGER NOT NULL,            -- 0 to 63
  floor INTEGER NOT NULL,            -- the lowest offset that is not done
  gaps TEXT NOT NULL,                -- at or above the floor, and done: [[first, last], ...]
  PRIMARY KEY (cursor_key, range)
) STRICT, WITHOUT ROWID;

CREATE TABLE group_members (
  group_key INTEGER NOT NULL REFERENCES subscription_groups (group_key),
  worker INTEGER NOT NULL,
  member TEXT NOT NULL,
  joined_at INTEGER NOT NULL,
  PRIMARY KEY (group_key, worker, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_members_worker ON group_members (worker);

CREATE TABLE group_ranges (          -- the leases
  group_key INTEGER NOT NULL REFERENCES subscription_groups (group_key),
  range INTEGER NOT NULL,
  owner INTEGER,                     -- worker_id; NULL = nobody's
  member TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,  -- counts the holders; every write of one expects it
  PRIMARY KEY (group_key, range)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_ranges_owned ON group_ranges (owner) WHERE owner IS NOT NULL;

CREATE TABLE deliveries (            -- exceptions alone: what waits for another try, or was begun when a worker died
  cursor_key INTEGER NOT NULL REFERENCES subscription_channels (cursor_key),
  offset INTEGER NOT NULL,
  range INTEGER NOT NULL,
  try_no INTEGER NOT NULL,           -- the user's count of the next try
  crash_no INTEGER NOT NULL,         -- deaths of workers that it met
  due_at INTEGER,                    -- NULL = at once
  error TEXT,                        -- the last failure, as JSON
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (cursor_key, offset)
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letters (
  dead_letter_id INTEGER PRIMARY KEY AUTOINCREMENT,
  subscription_key INTEGER NOT NULL REFERENCES subscriptions (subscription_key),
  channel TEXT NOT NULL,             -- the channel's name
  offset INTEGER NOT NULL,
  key TEXT NOT NULL,
  type TEXT NOT NULL,
  payload TEXT NOT NULL,             -- the message is copied: its channel may keep it no longer
  headers TEXT,
  reason TEXT NOT NULL CHECK (reason IN ('failed', 'fatal', 'refused', 'poison')),
  tries INTEGER NOT NULL,
  error TEXT,
  died_at INTEGER NOT NULL,
  redriven_at INTEGER
) STRICT;

CREATE INDEX dead_letters_dead ON dead_letters (subscription_key, dead_letter_id) WHERE redriven_at IS NULL;

CREATE TABLE subscriber_states (
  group_key INTEGER NOT NULL REFERENCES subscription_groups (group_key),
  key TEXT NOT NULL,                 -- empty = of the one subscriber without key
  state BLOB NOT NULL,               -- MessagePack, the fields by name
  version INTEGER NOT NULL,          -- counts the commits that changed it
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (group_key, key)
) STRICT;

CREATE TABLE subscriber_steps (      -- results of ctx.step of messages that are not done yet
  cursor_key INTEGER NOT NULL REFERENCES subscription_channels (cursor_key),
  offset INTEGER NOT NULL,
  name TEXT NOT NULL,
  output TEXT,
  output_artifact_id TEXT REFERENCES artifacts (artifact_id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (cursor_key, offset, name)
) STRICT;
