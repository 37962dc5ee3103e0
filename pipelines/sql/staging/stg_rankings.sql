/*
description: >
  Every result of every result list, once. A list is one keyword, engine, country, language, device, kind of position,
  source and moment. A list read again by the same stream on a later day is kept as it was read last, as a whole.
grain: [list_id, url]
columns:
  list_id: Number of the list within this build.
  keyword_id: Number of the keyword (with its engine, country and language) within this build; lists of one keyword are not independent.
  keyword: The keyword in lower case with single spaces.
  engine: Search engine or ranking, for example google.
  country: Country of the search; NULL where the source does not say.
  language: Language of the search; NULL where the source does not say.
  device: Device of the search; NULL where the source does not say.
  rank_kind: What "position" means (organic, absolute, average, list_index); kinds are never mixed in one list.
  source: Where the list comes from.
  ranked_at: The moment of the list (UTC); for daily averages the start of the day.
  page_key: Join key of the result's page, after known aliases.
  url_key: Join key of the result's address, before aliases.
  url: The address as the source wrote it.
  position: Position in the list, 1 is best; NULL when the page was looked for and not found.
  is_found: False when the page was looked for down to the depth and not found (censored, never 0 or depth + 1).
  depth: How deep the source looked; NULL where it does not say.
  impressions: How often the result was shown; NULL where the source does not say.
  clicks: How often it was clicked; NULL where the source does not say.
checks:
  a position belongs to a result that was found: (position IS NOT NULL) = is_found
  positions start at 1: position IS NULL OR position >= 1
*/
WITH keyed AS (
    SELECT
        r.*,
        trim(lower(regexp_replace(r.keyword, '\s+', ' ', 'g'))) AS keyword_norm,
        coalesce(a.to_key, r.url_key, r.url) AS page_key
    FROM rankings AS r
    LEFT JOIN (SELECT from_key, max(to_key) AS to_key FROM aliases GROUP BY from_key) AS a ON a.from_key = r.url_key
),
numbered AS (
    SELECT
        *,
        dense_rank() OVER (
            ORDER BY engine, country, language, keyword_norm, device, rank_kind, source, ranked_at
        ) AS list_id,
        dense_rank() OVER (ORDER BY engine, country, language, keyword_norm) AS keyword_id
    FROM keyed
),
looks AS (
    SELECT *, max(day) OVER (PARTITION BY list_id, connector, stream) AS last_day FROM numbered
),
ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY list_id, url
            ORDER BY day DESC, CASE WHEN found THEN 0 ELSE 1 END, position, impressions DESC, connector, stream
        ) AS place
    FROM looks
    WHERE day = last_day
)
SELECT
    list_id, keyword_id, keyword_norm AS keyword, engine, country, language, device, rank_kind, source, ranked_at, page_key,
    coalesce(url_key, url) AS url_key, url, position, found AS is_found, depth, impressions, clicks
FROM ordered
WHERE place = 1
