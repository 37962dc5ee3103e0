/*
question: How did the pages of one keyword stand, day by day?
columns:
  keyword: The keyword, the alphabetically first one unless you name yours in the first line.
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  country: Where was searched; NULL where the source does not say.
  device: On what was searched; NULL where the source does not say.
  ranked_at: Moment of the list (UTC).
  url: The page's address.
  position: Its position, 1 is best; NULL when looked for and not found.
  depth: How deep the source looked; NULL where it does not say.
note: >
  A position of NULL with a depth means "not among the first so many", which is no position. A day without a row was not
  looked at.
*/
WITH chosen AS (SELECT min(keyword) AS keyword FROM serp_results)  -- or: SELECT 'your keyword' AS keyword
SELECT keyword, engine, rank_kind, country, device, ranked_at, url, position, depth
FROM serp_results
WHERE keyword = (SELECT keyword FROM chosen)
ORDER BY engine, rank_kind, country, device, ranked_at, position NULLS LAST, url
