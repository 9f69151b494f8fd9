"""From a YAML file, or data, to a flow definition: every mistake at once, each with its place; nothing is run.

* ``loader``: the order of it all; ``growth`` is that of nodes which are added to a run, ``grown``.
* ``nodes``, ``written``: what nodes say. A module for each of their keys: ``arguments``, ``conditions``, ``keeping``,
  ``isolation``, ``calls``, ``awaits``, ``approvals``, ``sub_flows``; of the flow's own ``flow_inputs``, ``secret_inputs``
  and ``settings``.
* ``references``, ``dependencies``, ``ancestry``, ``defaults``: what nodes refer to, wait for, and may do without.
* ``action_check``: whether actions are there and take what they are given; ``type_edges``, ``input_types``,
  ``default_types``, ``declared`` and ``flow_outputs``: by their type hints.
* ``file_format``, ``node_form``, ``reference_form``, ``json_schema``: the same format once more, for editors.
"""
