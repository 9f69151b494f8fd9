-- What people tell runs to do, and runs that begin with what another has done.

ALTER TABLE commands ADD COLUMN node INTEGER; -- position of the node it is about; NULL = about the run

ALTER TABLE flow_runs ADD COLUMN pausing INTEGER NOT NULL DEFAULT 0; -- 1 = nothing more begins, and it pauses when what runs has ended
ALTER TABLE flow_runs ADD COLUMN forked_from TEXT; -- the run whose outputs it began with, as a JSON object; NULL = it began with none
