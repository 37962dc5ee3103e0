/*
description: >
  How each source stands: its last day of reading, whether that went well, and the days on which it did not. Day by day
  it is in source_health; what a source is, needs and costs is in sources and spending.
grain: [connector, stream]
columns:
  connector: The source.
  stream: Which of its streams.
  last_day: Last day of looking (UTC); the numbers of reads below are of that day.
  last_good_day: Last day on which something could be read; NULL when that never happened.
  state: well, partly failed or failed, on the last day.
  n_reads: Rows received, failures included.
  n_failed: Reads that failed.
  n_not_found: Things asked for that the source does not have.
  n_failed_readings: Counts without a number because a read failed or a field of the answer is gone.
  first_error: The alphabetically first error message; NULL when nothing failed.
  n_days: Days of looking.
  days_with_failures: Of those, days on which some read failed.
checks:
  known state: state IN ('well', 'partly failed', 'failed')
*/
WITH placed AS (
    SELECT *, max(day) OVER (PARTITION BY connector, stream) AS last_day FROM source_health
),
counted AS (
    SELECT
        connector, stream,
        max(CASE WHEN NOT is_failed THEN day END) AS last_good_day,
        count(*) AS n_days,
        count(CASE WHEN n_failed > 0 THEN 1 END) AS days_with_failures
    FROM source_health
    GROUP BY connector, stream
)
SELECT
    p.connector, p.stream, p.last_day, c.last_good_day,
    CASE
        WHEN p.is_failed THEN 'failed' WHEN p.n_failed + p.n_failed_readings > 0 THEN 'partly failed' ELSE 'well'
    END AS state,
    p.n_reads, p.n_failed, p.n_not_found, p.n_failed_readings, p.first_error, c.n_days, c.days_with_failures
FROM placed AS p
INNER JOIN counted AS c ON c.connector = p.connector AND c.stream = p.stream
WHERE p.day = p.last_day
ORDER BY p.connector, p.stream
