/*
question: What is there, and for which days?
columns:
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  keywords: Keywords with a result list.
  lists: Result lists.
  pages: Pages in them.
  first_day: Day of the first list (UTC).
  last_day: Day of the last list (UTC).
  days: Days with a list; fewer than from first to last means gaps.
note: >
  Days without a list are unknown, and no day is filled in for them.
*/
SELECT
    engine, rank_kind,
    count(DISTINCT keyword_id) AS keywords,
    count(DISTINCT list_id) AS lists,
    count(DISTINCT page_key) AS pages,
    CAST(min(ranked_at) AS DATE) AS first_day,
    CAST(max(ranked_at) AS DATE) AS last_day,
    count(DISTINCT CAST(ranked_at AS DATE)) AS days
FROM serp_results
GROUP BY engine, rank_kind
ORDER BY engine, rank_kind
