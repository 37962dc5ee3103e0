/*
question: What does each column mean?
columns:
  table_name: The table.
  column_name: The column.
  data_type: Its type.
  comment: Its meaning.
note: >
  The same as docs/DATA.md, out of the file itself.
*/
SELECT table_name, column_name, data_type, comment
FROM duckdb_columns()
WHERE NOT internal
ORDER BY table_name, column_index
