-- parameters: rows as a JSON array: group_key, key, name
DELETE FROM delayed_messages
WHERE delayed_key IN (
  SELECT delayed_key
  FROM jsonb_each(?)
    CROSS JOIN delayed_messages ON timer_group = value ->> 0 AND timer_key = value ->> 1 AND timer_name = value ->> 2
)
