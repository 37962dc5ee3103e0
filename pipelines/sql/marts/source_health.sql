/*
description: >
  How reading went: one row per source, stream and day of looking. Failures stand here with the first error in words; a
  failed read never becomes a number anywhere.
grain: [connector, stream, day]
columns:
  connector: The source.
  stream: Which of its streams.
  day: Day of looking (UTC).
  n_reads: Rows received, failures included.
  n_failed: Reads that failed.
  n_not_found: Things asked for that the source does not have.
  first_error: The alphabetically first error message of the day; NULL when nothing failed.
  is_failed: Whether nothing at all could be read.
*/
SELECT
    connector, stream, day,
    count(*) AS n_reads,
    count(CASE WHEN status = 'failed' THEN 1 END) AS n_failed,
    count(CASE WHEN status = 'not_found' THEN 1 END) AS n_not_found,
    min(error) AS first_error,
    count(CASE WHEN status = 'failed' THEN 1 END) = count(*) AS is_failed
FROM reads
GROUP BY connector, stream, day
