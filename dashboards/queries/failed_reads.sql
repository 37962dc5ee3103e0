/*
question: What could not be read, and when did it last work?
columns:
  connector: The source.
  stream: Which of its streams.
  last_day: Last day of looking (UTC).
  last_good_day: Last day on which something could be read; NULL is never.
  days_with_failures: Days on which some read failed.
  failed: Failed reads of all days.
  first_error: The error of the last day that had one, in words.
note: >
  Only streams with a failure are listed: no rows means that every read went well. What failed is unknown in every other
  table; no number was put in its place.
*/
SELECT
    connector, stream,
    max(day) AS last_day,
    max(CASE WHEN NOT is_failed THEN day END) AS last_good_day,
    count(CASE WHEN n_failed + n_failed_readings > 0 THEN 1 END) AS days_with_failures,
    CAST(sum(n_failed + n_failed_readings) AS BIGINT) AS failed,
    (
        SELECT h.first_error FROM source_health AS h
        WHERE h.connector = s.connector AND h.stream = s.stream AND h.first_error IS NOT NULL
        ORDER BY h.day DESC LIMIT 1
    ) AS first_error
FROM source_health AS s
GROUP BY connector, stream
HAVING sum(n_failed + n_failed_readings) > 0
ORDER BY failed DESC, connector, stream
