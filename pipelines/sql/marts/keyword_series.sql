/*
description: >
  Every series of result lists that can be followed over time: one keyword with its engine, country, language, device,
  kind of position and source. keyword_days holds its positions day by day.
grain: [series_id]
columns:
  series_id: Number of the series within this build; joins to keyword_days.
  keyword_id: Number of the keyword within this build, as in serp_results; a keyword has a series per device, kind and source.
  keyword: The keyword in lower case with single spaces.
  engine: Search engine or ranking.
  country: Country of the search; NULL where unknown.
  language: Language of the search; NULL where unknown.
  device: Device of the search; NULL where unknown.
  rank_kind: What "position" means; kinds are never mixed in one series.
  source: Where the lists come from.
  n_lists: Result lists of the series.
  n_pages: Pages found in at least one of them.
  first_day: Day (UTC) of the first list.
  last_day: Day (UTC) of the last list.
  depth: How deep the source looked in the last list; NULL where it does not say.
*/
WITH numbered AS (
    SELECT
        *,
        dense_rank() OVER (ORDER BY keyword_id, device, rank_kind, source) AS series_id
    FROM serp_results
),
placed AS (
    SELECT *, max(ranked_at) OVER (PARTITION BY series_id) AS last_at FROM numbered
)
SELECT
    series_id, keyword_id, keyword, engine, country, language, device, rank_kind, source,
    count(DISTINCT list_id) AS n_lists,
    count(DISTINCT CASE WHEN is_found THEN page_key END) AS n_pages,
    min(CAST(ranked_at AS DATE)) AS first_day,
    max(CAST(ranked_at AS DATE)) AS last_day,
    max(CASE WHEN ranked_at = last_at THEN depth END) AS depth
FROM placed
GROUP BY series_id, keyword_id, keyword, engine, country, language, device, rank_kind, source
ORDER BY series_id
