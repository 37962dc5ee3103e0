/*
description: >
  How many votes a page was known to have, from one moment to the next: the sum over its posts (basis post) or the
  platform's own total (basis page). A search that found no post, or that failed, speaks for the page until the first of
  its posts is read. Only readings up to a moment make its row. valid_from and valid_to are ready for "as of" joins.
grain: [platform, verb, basis, page_key, valid_from]
columns:
  platform: Where the votes were cast.
  verb: What people did.
  basis: '"page" or "post"; the two are never added.'
  page_key: Join key of the page.
  valid_from: From this moment (UTC) on the row holds; the moment of the last reading.
  valid_to: Up to, not including, this moment; the year 9999 for the last row.
  votes: Votes known; NULL while nothing is known or the last reading of any of its posts failed.
  n_readings: Posts (or the one page total, or searches while there is no post) read so far.
  n_blind: Of those, how many whose last reading carried no number; above 0 the votes are a lower bound.
  n_failed: Of those, how many whose last reading failed.
  is_search: Whether no post has been read so far and searches speak.
  n_resets: Resets so far; growth is only computed between moments with the same number.
  n_late: Posts so far that were found more than two days after they may have begun; the votes they add are no growth.
*/
WITH moments AS (
    SELECT
        platform, verb, basis, page_key, observed_at AS moment, sum(change) AS change,
        sum(CASE WHEN is_first AND NOT is_search THEN 1 ELSE 0 END) AS subjects,
        sum(CASE WHEN is_search THEN 0 ELSE known_change END) AS known,
        sum(CASE WHEN is_search THEN 0 ELSE failed_change END) AS failed,
        sum(CASE WHEN is_first AND is_search THEN 1 ELSE 0 END) AS searches,
        sum(CASE WHEN is_search THEN known_change ELSE 0 END) AS searches_known,
        sum(CASE WHEN is_search THEN failed_change ELSE 0 END) AS searches_failed,
        sum(CASE WHEN is_reset THEN 1 ELSE 0 END) AS resets,
        sum(CASE WHEN is_late THEN 1 ELSE 0 END) AS late
    FROM stg_points
    GROUP BY platform, verb, basis, page_key, observed_at
),
running AS (
    SELECT
        platform, verb, basis, page_key, moment AS valid_from,
        lead(moment) OVER (PARTITION BY platform, verb, basis, page_key ORDER BY moment) AS next_moment,
        sum(change) OVER so_far AS votes,
        sum(subjects) OVER so_far AS n_subjects,
        sum(known) OVER so_far AS n_known,
        sum(failed) OVER so_far AS n_failed,
        sum(searches) OVER so_far AS n_searches,
        sum(searches_known) OVER so_far AS n_searches_known,
        sum(searches_failed) OVER so_far AS n_searches_failed,
        sum(resets) OVER so_far AS n_resets,
        sum(late) OVER so_far AS n_late
    FROM moments
    WINDOW so_far AS (PARTITION BY platform, verb, basis, page_key ORDER BY moment ROWS UNBOUNDED PRECEDING)
),
speaking AS (
    SELECT
        platform, verb, basis, page_key, valid_from, next_moment, votes, n_resets, n_late, n_subjects = 0 AS is_search,
        CASE WHEN n_subjects > 0 THEN n_subjects ELSE n_searches END AS n_readings,
        CASE WHEN n_subjects > 0 THEN n_known ELSE n_searches_known END AS n_known,
        CASE WHEN n_subjects > 0 THEN n_failed ELSE n_searches_failed END AS n_failed
    FROM running
)
SELECT
    platform, verb, basis, page_key, valid_from,
    coalesce(next_moment, TIMESTAMPTZ '9999-01-01 00:00:00+00') AS valid_to,
    CASE WHEN n_known > 0 AND n_failed = 0 THEN CAST(votes AS BIGINT) END AS votes,
    CAST(n_readings AS BIGINT) AS n_readings,
    CAST(n_readings - n_known AS BIGINT) AS n_blind,
    CAST(n_failed AS BIGINT) AS n_failed,
    is_search,
    CAST(n_resets AS BIGINT) AS n_resets,
    CAST(n_late AS BIGINT) AS n_late
FROM speaking
