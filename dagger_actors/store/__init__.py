"""The one SQLite file: connections, migrations, the journal that writes, the readers, artifacts, ownership.

* ``store``: one open database, put together; ``look`` is one that is only looked at.
* ``journal``, ``writer``, ``operations``: units gathered, written in one transaction, and what reads before it writes.
* ``statements``: the texts in ``sql/``; ``task_work`` and ``channel_work`` say which module carries out which operation.
* ``ownership``, ``slots``, ``slot_records``, ``home``: workers and their proof of life, and what each had begun when it died.
* ``connection``, ``migrate``, ``checkpointer``, ``holder``, ``refusals``: the file itself, and what the disk says against it.
* ``reader``, ``artifacts``, ``agent_states``: what is read, stored by content, and kept for durable actors.
* ``user_schema``, ``user_tables``, ``user_work``, ``guard``: users' own tables, and what their statements may touch.
"""
