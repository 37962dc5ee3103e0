/*
description: >
  The results of all result lists, numbered. Analyses start here; votes stand in serp_votes. Search Console's lists by
  country, device and appearance are left out: they repeat the results of its main lists (they are in stg_rankings).
grain: [result_id]
columns:
  result_id: Number of the result within this build; joins to serp_votes.
  list_id: Number of the list within this build.
  keyword_id: Number of the keyword within this build.
  keyword: The keyword in lower case with single spaces.
  engine: Search engine or ranking.
  country: Country of the search; NULL where unknown.
  language: Language of the search; NULL where unknown.
  device: Device of the search; NULL where unknown.
  rank_kind: What "position" means; kinds are never mixed in one list.
  source: Where the list comes from.
  ranked_at: The moment of the list (UTC).
  page_key: Join key of the page.
  url: The address as the source wrote it.
  position: Position, 1 is best; NULL when looked for and not found.
  is_found: False when looked for down to the depth and not found.
  depth: How deep the source looked; NULL where it does not say.
  impressions: How often the result was shown; NULL where unknown.
  clicks: How often it was clicked; NULL where unknown.
*/
SELECT
    row_number() OVER (ORDER BY list_id, position NULLS LAST, url) AS result_id,
    list_id, keyword_id, keyword, engine, country, language, device, rank_kind, source, ranked_at, page_key, url, position,
    is_found, depth, impressions, clicks
FROM stg_rankings
WHERE source IS NULL OR source NOT LIKE 'search_console/%'
