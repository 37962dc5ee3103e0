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
  n_failed_readings: Counts without a number because a read failed or a field of the answer is gone; above 0 with no failed read, the source has probably changed.
*/
WITH answers AS (
    SELECT
        connector, stream, day,
        count(*) AS n_reads,
        count(CASE WHEN status = 'failed' THEN 1 END) AS n_failed,
        count(CASE WHEN status = 'not_found' THEN 1 END) AS n_not_found,
        min(error) AS first_error
    FROM reads
    GROUP BY connector, stream, day
),
readings AS (
    SELECT connector, stream, day, count(CASE WHEN status = 'failed' THEN 1 END) AS n_failed_readings
    FROM observations
    GROUP BY connector, stream, day
)
SELECT
    a.connector, a.stream, a.day, a.n_reads, a.n_failed, a.n_not_found, a.first_error,
    a.n_failed = a.n_reads AS is_failed,
    coalesce(r.n_failed_readings, 0) AS n_failed_readings
FROM answers AS a
LEFT JOIN readings AS r ON r.connector = a.connector AND r.stream = a.stream AND r.day = a.day
