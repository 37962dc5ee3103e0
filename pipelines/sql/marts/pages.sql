/*
description: Every page that was found in a result list or whose votes were read, with what is known of it at a glance.
grain: [page_key]
columns:
  page_key: Join key of the page.
  url: Its address as a result list wrote it last, else as a platform did; NULL where nobody wrote one.
  domain: The host in the key; NULL where the key names none.
  n_keywords: Keywords in whose lists it was found; 0 when it was found in none.
  best_position: Its best position, over all series, on last_ranked_day; NULL when it was never found.
  last_ranked_day: Last day (UTC) on which it was found in a list; NULL when it never was.
  n_platforms: Platforms of which votes were known at least once.
  n_readings: Days on which votes were read, over all platforms and verbs.
  first_day: First day (UTC) on which it was found in a list or its votes were read.
*/
WITH found AS (
    SELECT
        d.page_key, d.day, d.position, s.keyword_id,
        max(d.day) OVER (PARTITION BY d.page_key) AS last_day
    FROM keyword_days AS d
    INNER JOIN keyword_series AS s ON s.series_id = d.series_id
    WHERE d.is_found
),
ranked AS (
    SELECT
        page_key, count(DISTINCT keyword_id) AS n_keywords, max(last_day) AS last_day, min(day) AS first_day,
        min(CASE WHEN day = last_day THEN position END) AS best_position
    FROM found
    GROUP BY page_key
),
voted AS (
    SELECT
        page_key, count(DISTINCT CASE WHEN votes IS NOT NULL THEN platform END) AS n_platforms, count(*) AS n_readings,
        min(day) AS first_day
    FROM page_votes
    GROUP BY page_key
),
written AS (
    SELECT page_key, url, 0 AS choice, max(ranked_at) AS seen_at FROM serp_results WHERE is_found GROUP BY page_key, url
    UNION ALL
    SELECT page_key, url, 1 AS choice, max(observed_at) AS seen_at FROM stg_observations WHERE url IS NOT NULL GROUP BY page_key, url
),
addresses AS (
    SELECT page_key, url, row_number() OVER (PARTITION BY page_key ORDER BY choice, seen_at DESC, url) AS place FROM written
),
known AS (
    SELECT page_key FROM ranked
    UNION
    SELECT page_key FROM voted
),
hosts AS (
    SELECT page_key, regexp_replace(page_key, '[/?].*$', '', 'g') AS host FROM known
)
SELECT
    h.page_key, a.url,
    CASE WHEN h.host LIKE '%:' THEN NULL ELSE h.host END AS domain,
    coalesce(r.n_keywords, 0) AS n_keywords, r.best_position, r.last_day AS last_ranked_day,
    coalesce(v.n_platforms, 0) AS n_platforms, coalesce(v.n_readings, 0) AS n_readings,
    CASE WHEN r.first_day < v.first_day OR v.first_day IS NULL THEN r.first_day ELSE v.first_day END AS first_day
FROM hosts AS h
LEFT JOIN ranked AS r ON r.page_key = h.page_key
LEFT JOIN voted AS v ON v.page_key = h.page_key
LEFT JOIN addresses AS a ON a.page_key = h.page_key AND a.place = 1
ORDER BY h.page_key
