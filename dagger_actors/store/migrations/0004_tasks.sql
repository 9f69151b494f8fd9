-- Tasks: work that is made at run time, done by agents, leased by workers.

INSERT INTO id_ranges (name, next) VALUES ('task', 1), ('job', 1), ('shared', 1);

CREATE TABLE task_agents (
  name TEXT PRIMARY KEY,
  place TEXT NOT NULL,               -- where its class or function was found last, for people
  payload_schema TEXT NOT NULL,      -- JSON Schema
  result_schema TEXT NOT NULL,
  capacity INTEGER NOT NULL,         -- tasks that may be open at once; one more is refused
  per_key INTEGER,                   -- tasks of one limit_key that may be leased at once; NULL = any number
  rate REAL,                         -- tasks leased a second, over all workers; NULL = any number
  burst REAL NOT NULL DEFAULT 1,     -- how many of them may come at once
  overflow TEXT NOT NULL DEFAULT 'block', -- what who submits one more than `capacity` does: block, reject
  per_key_path TEXT,                 -- where payloads have their limit_key: names of fields, dots between
  tokens REAL NOT NULL DEFAULT 0,    -- how many may be leased now, as of refilled_at
  refilled_at INTEGER NOT NULL DEFAULT 0,
  taken INTEGER NOT NULL DEFAULT 0,  -- tasks leased so far: every 16th may be the oldest one
  open INTEGER NOT NULL DEFAULT 0,   -- its tasks that have not ended; kept by the triggers below
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE task_agent_workers (    -- who has said that it does an agent's tasks
  name TEXT NOT NULL,
  worker INTEGER NOT NULL,
  PRIMARY KEY (name, worker)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER workers_leave AFTER DELETE ON workers BEGIN
  DELETE FROM task_agent_workers WHERE worker = OLD.worker_id;
END;

CREATE TABLE jobs (
  job_key INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL UNIQUE,
  on_failure TEXT NOT NULL CHECK (on_failure IN ('continue', 'stop')),
  stall_after_us INTEGER,            -- NULL = a stall is nothing
  stall_action TEXT,                 -- as JSON: what is done when nothing has moved for so long
  stalled_at INTEGER,                -- when it was done
  cancelled_at INTEGER,              -- by somebody: it takes no new tasks
  stopped_at INTEGER,                -- by a failure or a stall: it takes no new tasks, and has failed
  reason TEXT,                       -- why it was cancelled or stopped
  total INTEGER NOT NULL DEFAULT 0,  -- its tasks by what became of them; kept by the triggers below
  open INTEGER NOT NULL DEFAULT 0,
  paused INTEGER NOT NULL DEFAULT 0,
  stuck INTEGER NOT NULL DEFAULT 0,  -- blocked for ever, unless a failed task is retried
  succeeded INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  moved_at INTEGER NOT NULL          -- when one of its tasks last changed its state
) STRICT;

CREATE VIEW job_states AS            -- what is said of a job, by its counters
SELECT *, CASE
  WHEN open > stuck + paused THEN 'running'
  WHEN paused > 0 THEN 'paused'
  WHEN cancelled_at IS NOT NULL THEN 'cancelled'
  WHEN failed + rejected + stuck > 0 OR stopped_at IS NOT NULL THEN 'failed'
  WHEN cancelled > 0 THEN 'cancelled'
  WHEN total = 0 THEN 'running'
  ELSE 'succeeded'
END AS state
FROM jobs;

CREATE INDEX jobs_stalling ON jobs (moved_at + stall_after_us)
  WHERE stall_after_us IS NOT NULL AND stalled_at IS NULL AND open > stuck + paused;

CREATE TABLE tasks (
  task_key INTEGER PRIMARY KEY,      -- its id, from a range that a worker reserves
  agent TEXT NOT NULL REFERENCES task_agents (name),
  state TEXT NOT NULL CHECK (state IN ('pending', 'blocked', 'ready', 'running', 'paused', 'completed', 'failed',
    'cancelled', 'accepted', 'rejected')),
  priority INTEGER NOT NULL,         -- higher goes first
  created_at INTEGER NOT NULL,       -- then age
  version INTEGER NOT NULL DEFAULT 1, -- counts the changes; what is asked of a version is refused when it is another
  owner INTEGER,                     -- worker_id: the lease; NULL = nobody's. A leased task is ready until it runs.
  epoch INTEGER NOT NULL DEFAULT 0,  -- counts the leases; every write of an owner expects both
  attempt INTEGER NOT NULL DEFAULT 0, -- how often its body was begun
  try_no INTEGER NOT NULL DEFAULT 1, -- the user's count; a crash or a suspension does not count
  crash_no INTEGER NOT NULL DEFAULT 0, -- deaths of workers that it met; reset by a release
  try_count INTEGER,                 -- total tries; NULL = as its agent says
  held INTEGER NOT NULL DEFAULT 0,   -- 1 = others of its limit_key go first
  is_stuck INTEGER NOT NULL DEFAULT 0, -- 1 = blocked by what has failed, or is stuck itself
  payload TEXT,                      -- JSON text, up to 1 KiB
  payload_artifact_id TEXT,          -- larger ones
  result TEXT,
  result_artifact_id TEXT,
  error TEXT,                        -- the last failure, as JSON
  reason TEXT,                       -- why it is paused, blocked, cancelled or rejected
  job_key INTEGER REFERENCES jobs (job_key),
  parent_key INTEGER,                -- the task that spawned it
  spawn_key TEXT,                    -- its name or place among the children of its parent
  key TEXT,                          -- unique among its agent's tasks
  limit_key TEXT,
  due_at INTEGER,                    -- not before this: a delay, a retry, a snooze
  expires_at INTEGER,                -- not begun by then, it is cancelled
  started_at INTEGER,                -- of the last attempt
  finished_at INTEGER,
  updated_at INTEGER NOT NULL,
  trace TEXT                         -- the trace that it is part of, as W3C's headers in JSON; NULL = none
) STRICT;

CREATE INDEX tasks_claimable ON tasks (agent, priority DESC, created_at, task_key)
  WHERE state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0;
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_expiring ON tasks (expires_at)
  WHERE expires_at IS NOT NULL AND state IN ('pending', 'blocked', 'ready') AND owner IS NULL AND attempt = 0;
CREATE INDEX tasks_owned ON tasks (owner) WHERE owner IS NOT NULL;
CREATE INDEX tasks_of_job ON tasks (job_key) WHERE job_key IS NOT NULL;
CREATE UNIQUE INDEX tasks_unique ON tasks (agent, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX tasks_spawned ON tasks (parent_key, spawn_key) WHERE parent_key IS NOT NULL;
CREATE INDEX tasks_limited ON tasks (agent, limit_key, held, priority DESC, created_at, task_key)
  WHERE limit_key IS NOT NULL AND state IN ('ready', 'running') AND due_at IS NULL;
CREATE INDEX tasks_notable ON tasks (state, task_key)
  WHERE state IN ('pending', 'blocked', 'paused', 'failed', 'cancelled', 'accepted', 'rejected');

CREATE TABLE task_dependencies (
  task_key INTEGER NOT NULL REFERENCES tasks (task_key) ON DELETE CASCADE,
  on_key INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('success', 'end')), -- met by its success alone, or by any end
  met INTEGER NOT NULL,
  place INTEGER,                     -- among those it was submitted with; NULL = it has come to depend on it since
  PRIMARY KEY (task_key, on_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX task_dependencies_on ON task_dependencies (on_key);
CREATE INDEX task_dependencies_unmet ON task_dependencies (task_key) WHERE met = 0;

CREATE TABLE task_attempts (         -- those that were no success: errors and tombstones
  task_key INTEGER NOT NULL REFERENCES tasks (task_key) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('failed', 'timed_out', 'interrupted', 'cancelled', 'snoozed')),
  error TEXT,
  worker INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER NOT NULL,
  PRIMARY KEY (task_key, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_logs (
  task_key INTEGER NOT NULL REFERENCES tasks (task_key) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  text TEXT NOT NULL,                -- what it logged and printed, in the order it came, bounded
  dropped_bytes INTEGER NOT NULL,
  PRIMARY KEY (task_key, attempt)
) STRICT, WITHOUT ROWID;

-- A task that snoozes, or waits for others, lives for as many attempts as it likes: the last hundred are kept.

CREATE TRIGGER task_attempts_fade AFTER INSERT ON task_attempts WHEN NEW.attempt > 100 BEGIN
  DELETE FROM task_attempts WHERE task_key = NEW.task_key AND attempt <= NEW.attempt - 100;
END;

CREATE TRIGGER task_logs_fade AFTER INSERT ON task_logs WHEN NEW.attempt > 100 BEGIN
  DELETE FROM task_logs WHERE task_key = NEW.task_key AND attempt <= NEW.attempt - 100;
END;

CREATE TABLE task_steps (
  task_key INTEGER NOT NULL REFERENCES tasks (task_key) ON DELETE CASCADE,
  name TEXT NOT NULL,
  output TEXT,
  output_artifact_id TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (task_key, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_artifacts (
  task_key INTEGER NOT NULL REFERENCES tasks (task_key) ON DELETE CASCADE,
  name TEXT NOT NULL,
  artifact_id TEXT NOT NULL REFERENCES artifacts (artifact_id),
  PRIMARY KEY (task_key, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_stops (            -- leases that were taken away from a live worker, which is to stop their bodies
  worker INTEGER NOT NULL,
  task_key INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  PRIMARY KEY (worker, task_key, epoch)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER task_stops_forget AFTER DELETE ON workers BEGIN
  DELETE FROM task_stops WHERE worker = OLD.worker_id;
END;

CREATE TABLE shared_state (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,               -- as JSON
  version INTEGER NOT NULL,          -- rises with each change, and is never used twice: not after a deletion either
  expires_at INTEGER,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX shared_state_expiring ON shared_state (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE shared_scopes (         -- kept by the triggers below
  scope TEXT PRIMARY KEY,
  keys INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER shared_state_grows AFTER INSERT ON shared_state BEGIN
  INSERT INTO shared_scopes (scope, keys) VALUES (NEW.scope, 1) ON CONFLICT DO UPDATE SET keys = keys + 1;
END;

CREATE TRIGGER shared_state_shrinks AFTER DELETE ON shared_state BEGIN
  UPDATE shared_scopes SET keys = keys - 1 WHERE scope = OLD.scope;
  DELETE FROM shared_scopes WHERE scope = OLD.scope AND keys = 0;
END;

-- The counters stand in triggers, so that nobody who changes a state can forget them. What they refuse is raised by
-- `refuse_task`, a function of `store/task_refusals.py`: RAISE takes no more than a constant before SQLite 3.47.

CREATE TRIGGER tasks_open AFTER INSERT ON tasks BEGIN
  UPDATE task_agents SET open = open + 1 WHERE name = NEW.agent;
  SELECT refuse_task('unknown agent', NEW.agent, NULL) WHERE changes() = 0;
  SELECT refuse_task('queue full', name, capacity) FROM task_agents WHERE name = NEW.agent AND open > capacity;
END;

-- CASE, not IN: in a trigger's program each list would be built anew for each row, as an index of its own (8 us an end).

CREATE TRIGGER tasks_close AFTER UPDATE OF state ON tasks
WHEN (CASE OLD.state WHEN 'ready' THEN 1 WHEN 'running' THEN 1 WHEN 'blocked' THEN 1 WHEN 'pending' THEN 1 WHEN 'paused' THEN 1 ELSE 0 END)
  <> (CASE NEW.state WHEN 'ready' THEN 1 WHEN 'running' THEN 1 WHEN 'blocked' THEN 1 WHEN 'pending' THEN 1 WHEN 'paused' THEN 1 ELSE 0 END)
BEGIN
  UPDATE task_agents
  SET open = open + 2 * (CASE NEW.state WHEN 'ready' THEN 1 WHEN 'running' THEN 1 WHEN 'blocked' THEN 1 WHEN 'pending' THEN 1 WHEN 'paused' THEN 1 ELSE 0 END) - 1
  WHERE name = NEW.agent;
END;

CREATE TRIGGER jobs_grow AFTER INSERT ON tasks WHEN NEW.job_key IS NOT NULL BEGIN
  UPDATE jobs SET total = total + 1, open = open + 1, moved_at = NEW.created_at, stalled_at = NULL
  WHERE job_key = NEW.job_key;
  SELECT refuse_task('job closed', job_id, NULL) FROM jobs
  WHERE job_key = NEW.job_key AND (cancelled_at IS NOT NULL OR stopped_at IS NOT NULL);
END;

CREATE TRIGGER jobs_move AFTER UPDATE OF state, is_stuck ON tasks
WHEN NEW.job_key IS NOT NULL AND (OLD.state <> NEW.state OR OLD.is_stuck <> NEW.is_stuck)
BEGIN
  UPDATE jobs
  SET open = open
      + (CASE NEW.state WHEN 'ready' THEN 1 WHEN 'running' THEN 1 WHEN 'blocked' THEN 1 WHEN 'pending' THEN 1 WHEN 'paused' THEN 1 ELSE 0 END)
      - (CASE OLD.state WHEN 'ready' THEN 1 WHEN 'running' THEN 1 WHEN 'blocked' THEN 1 WHEN 'pending' THEN 1 WHEN 'paused' THEN 1 ELSE 0 END),
    paused = paused + (NEW.state = 'paused') - (OLD.state = 'paused'),
    stuck = stuck + NEW.is_stuck - OLD.is_stuck,
    succeeded = succeeded + (NEW.state IN ('completed', 'accepted')) - (OLD.state IN ('completed', 'accepted')),
    failed = failed + (NEW.state = 'failed') - (OLD.state = 'failed'),
    cancelled = cancelled + (NEW.state = 'cancelled') - (OLD.state = 'cancelled'),
    rejected = rejected + (NEW.state = 'rejected') - (OLD.state = 'rejected'),
    moved_at = NEW.updated_at, stalled_at = NULL
  WHERE job_key = NEW.job_key;
END;

-- Places of a limit_key. A task has one while it is ready (not waiting for its time, not held) or running; at most `per_key`
-- of its agent may. One that comes is held; whoever leaves a place, or comes, lets the first of those that are held in, if
-- there is room. So every statement that moves a task keeps the limit, and none has to know of it. (The two triggers have one
-- body: SQLite has no trigger for an insert and an update at once, and no procedures.)

CREATE TRIGGER tasks_admit_new AFTER INSERT ON tasks
WHEN NEW.limit_key IS NOT NULL AND NEW.held = 1 AND NEW.state = 'ready' AND NEW.due_at IS NULL
BEGIN
  UPDATE tasks SET held = 0
  WHERE (
      SELECT per_key IS NULL OR per_key > (
        SELECT count(*) FROM tasks
        WHERE agent = NEW.agent AND limit_key = NEW.limit_key AND held = 0 AND state IN ('ready', 'running')
          AND due_at IS NULL
      ) FROM task_agents WHERE name = NEW.agent
    ) AND task_key = (
      SELECT task_key FROM tasks
      WHERE agent = NEW.agent AND limit_key = NEW.limit_key AND held = 1 AND state IN ('ready', 'running')
        AND due_at IS NULL
      ORDER BY priority DESC, created_at, task_key LIMIT 1
    );
END;

CREATE TRIGGER tasks_admit_next AFTER UPDATE OF state, due_at ON tasks
WHEN NEW.limit_key IS NOT NULL AND (
  (NEW.held = 1 AND NEW.state = 'ready' AND NEW.due_at IS NULL)
  OR ((OLD.held = 0 AND OLD.state IN ('ready', 'running') AND OLD.due_at IS NULL)
    AND NOT (NEW.held = 0 AND NEW.state IN ('ready', 'running') AND NEW.due_at IS NULL))
)
BEGIN
  UPDATE tasks SET held = 0
  WHERE (
      SELECT per_key IS NULL OR per_key > (
        SELECT count(*) FROM tasks
        WHERE agent = NEW.agent AND limit_key = NEW.limit_key AND held = 0 AND state IN ('ready', 'running')
          AND due_at IS NULL
      ) FROM task_agents WHERE name = NEW.agent
    ) AND task_key = (
      SELECT task_key FROM tasks
      WHERE agent = NEW.agent AND limit_key = NEW.limit_key AND held = 1 AND state IN ('ready', 'running')
        AND due_at IS NULL
      ORDER BY priority DESC, created_at, task_key LIMIT 1
    );
END;
