"""From a file's text, or data, to checked values with their places: what flow files and system files share.

* ``source``, ``text_document``, ``yaml_tree``, ``data_tree``, ``tree``: text or data become one kind of tree.
* ``reader``, ``keys``, ``retry_keys``, ``kind``: trees become values, and complaints with their places.
* ``form``, ``retry_form``: the same formats as Structs, for the JSON Schema of editors.
* ``importing``, ``neighbours``, ``installed``: users' modules and files, imported so that whatever happens is one problem.
* ``near_files``: the file that was meant, where there is none of the name that was written.
* ``since``, ``filters``, ``custom_types``: what the verbs of lists and the types of users' code read.
"""
