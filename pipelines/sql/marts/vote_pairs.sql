/*
description: Every platform and verb of which votes of pages were read, with how much is known of it at a glance.
grain: [platform, verb]
columns:
  platform: Where the votes were cast.
  verb: What people did.
  n_pages: Pages whose votes were known at least once.
  n_readings: Days on which votes of a page were read, over all pages.
  n_failed: Of those, how many ended with a reading that failed.
  first_day: First day (UTC) of a reading.
  last_day: Last day (UTC) of a reading.
*/
SELECT
    platform, verb,
    count(DISTINCT CASE WHEN votes IS NOT NULL THEN page_key END) AS n_pages,
    count(*) AS n_readings,
    count(CASE WHEN status = 'failed' THEN 1 END) AS n_failed,
    min(day) AS first_day,
    max(day) AS last_day
FROM page_votes
GROUP BY platform, verb
ORDER BY platform, verb
