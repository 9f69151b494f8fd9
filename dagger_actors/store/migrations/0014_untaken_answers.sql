-- Answers of people that their runs have not taken: the few there are at a time are found without a look at all others.

ALTER TABLE answers ADD COLUMN taken INTEGER NOT NULL DEFAULT 0; -- 1 = its run has taken it

CREATE INDEX answers_untaken ON answers (run_key) WHERE taken = 0;

UPDATE answers SET taken = 1
WHERE EXISTS (
  SELECT 1 FROM awaits
  WHERE awaits.run_key = answers.run_key AND awaits.node = answers.node AND awaits.item = answers.item
    AND awaits.attempt = answers.attempt AND awaits.answered_at IS NOT NULL
);
