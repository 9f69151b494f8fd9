-- Which table refers to which.
SELECT s.name, f."table" FROM sqlite_schema AS s JOIN pragma_foreign_key_list(s.name) AS f WHERE s.type = 'table'
