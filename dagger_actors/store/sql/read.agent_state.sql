-- parameters: name. The process of an owner that has left in order is NULL.
SELECT agent_states.state, agent_states.format, agent_states.epoch, agent_states.owner, workers.pid, workers.beat,
  workers.slot_file
FROM agent_states LEFT JOIN workers ON workers.worker_id = agent_states.owner
WHERE agent_states.name = ?
