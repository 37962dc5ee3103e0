/*
description: >
  What each reading changed. One row per subject and moment, with the change since the reading before. A reading without
  a number (hidden, failed) makes the subject unknown from then on: the number of yesterday is not carried over it. A
  post that is gone counts 0. A drop by more than a tenth and more than five since the last known count is a reset (a
  recount, a deletion, another ruler), as is a post that vanishes or comes back: growth is not computed across it. Smaller
  drops are people taking votes back, or noise the platform adds.
grain: [platform, verb, basis, page_key, subject, observed_at]
columns:
  platform: Where the votes were cast.
  verb: What people did.
  basis: '"page" or "post".'
  page_key: Join key of the page.
  subject: The post or page counted.
  observed_at: When the count was read (UTC).
  blind_from: From when the subject may have had votes that we did not see; NULL on all but its first reading.
  change: Count now minus count before; what is unknown adds nothing.
  known_change: 1 when the count becomes known, -1 when it becomes unknown, else 0.
  failed_change: 1 when readings begin to fail, -1 when they work again, else 0.
  is_first: Whether this is the subject's first reading.
  is_search: Whether this is no post but the search for posts, which found none or went wrong.
  is_reset: Whether the count fell by more than a tenth and more than five, or the post vanished or came back.
  is_late: Whether this is the first reading of a post that may have been there for more than two days; what it adds is no growth.
*/
WITH readings AS (
    SELECT
        platform, verb, basis, page_key, subject, observed_at, published_at,
        CASE
            WHEN status = 'observed' THEN count
            WHEN status = 'not_found' AND basis = 'post' AND subject <> url_key THEN 0
        END AS count,
        CASE WHEN status = 'failed' THEN 1 ELSE 0 END AS failed,
        CASE WHEN status = 'not_found' THEN 1 WHEN status = 'observed' THEN 0 END AS gone,
        basis = 'post' AND subject = url_key AS is_search
    FROM stg_observations
),
stepped AS (
    SELECT
        *,
        CASE WHEN count IS NULL THEN 0 ELSE 1 END AS known,
        row_number() OVER subject_in_time AS nth,
        lag(count) OVER subject_in_time AS count_before,
        lag(count IGNORE NULLS) OVER subject_in_time AS last_count,
        lag(failed) OVER subject_in_time AS failed_before,
        lag(gone IGNORE NULLS) OVER subject_in_time AS gone_before
    FROM readings
    WINDOW subject_in_time AS (PARTITION BY platform, verb, basis, page_key, subject ORDER BY observed_at)
)
SELECT
    platform, verb, basis, page_key, subject, observed_at,
    CASE
        WHEN nth > 1 THEN NULL
        WHEN published_at < observed_at THEN published_at
        ELSE TIMESTAMPTZ '1970-01-01 00:00:00+00'
    END AS blind_from,
    coalesce(count, 0) - coalesce(count_before, 0) AS change,
    known - CASE WHEN count_before IS NULL THEN 0 ELSE 1 END AS known_change,
    failed - coalesce(failed_before, 0) AS failed_change,
    nth = 1 AS is_first,
    is_search,
    coalesce(gone <> gone_before, false)
        OR coalesce(last_count - count > 5 AND (last_count - count) * 10 > last_count, false) AS is_reset,
    nth = 1 AND NOT is_search
        AND coalesce(published_at, TIMESTAMPTZ '1970-01-01 00:00:00+00') < observed_at - INTERVAL 2 DAY AS is_late
FROM stepped
