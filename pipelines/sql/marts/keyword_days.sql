/*
description: >
  The result list of each series day by day: where each page stood in the day's last list. A page that stands there with
  several addresses is kept at its best place. A day without a list has no rows, which is unknown and not "not found".
grain: [series_id, day, page_key]
columns:
  series_id: The series, as in keyword_series.
  day: Day of the list (UTC).
  page_key: Join key of the page.
  position: Best position of the page in the day's last list, 1 is best; NULL when looked for and not found.
  is_found: False when the page was looked for down to the depth and not found (censored, never 0 or depth + 1).
  depth: How deep the source looked; NULL where it does not say.
  url: The address that holds the position, as the source wrote it.
  ranked_at: The moment of the list (UTC).
  list_id: Number of the list within this build, as in serp_results.
checks:
  a position belongs to a page that was found: (position IS NOT NULL) = is_found
  the list is of the day: CAST(ranked_at AS DATE) = day
*/
WITH dated AS (
    SELECT
        s.series_id, CAST(r.ranked_at AS DATE) AS day, r.page_key, r.position, r.is_found, r.depth, r.url, r.ranked_at,
        r.list_id,
        row_number() OVER (
            PARTITION BY r.list_id, r.page_key ORDER BY CASE WHEN r.is_found THEN 0 ELSE 1 END, r.position, r.url
        ) AS place
    FROM serp_results AS r
    INNER JOIN keyword_series AS s
        ON s.keyword_id = r.keyword_id AND s.rank_kind = r.rank_kind AND s.device IS NOT DISTINCT FROM r.device
        AND s.source IS NOT DISTINCT FROM r.source
),
placed AS (
    SELECT *, max(ranked_at) OVER (PARTITION BY series_id, day) AS last_at FROM dated
)
SELECT series_id, day, page_key, position, is_found, depth, url, ranked_at, list_id
FROM placed
WHERE ranked_at = last_at AND place = 1
ORDER BY series_id, day, page_key
