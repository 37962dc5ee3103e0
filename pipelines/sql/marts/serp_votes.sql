/*
description: >
  Votes joined to rankings as of the moment of each list: what was known of the page's votes at or before that moment,
  never after. One row per result and per platform and verb that had been asked about by then; a pair that is not here was
  never asked about in time, which is unknown, not zero. serp_votes_wide has one row per result.
grain: [result_id, platform, verb]
columns:
  result_id: The result, as in serp_results.
  list_id: The result's list.
  keyword: The list's keyword.
  ranked_at: The list's moment (UTC).
  url: The result's address.
  page_key: Join key by which votes and result met.
  position: The result's position; NULL when looked for and not found.
  platform: Where the votes were cast.
  verb: What people did.
  votes: Votes known at that moment; NULL when the last reading carried no number.
  status: observed when votes is known, else failed or hidden, what the last reading was.
  observed_at: When they were last read (UTC), at or before ranked_at.
  votes_1d: Growth over the day before; NULL where it is not known (no reading that old, posts not seen then, some count hidden, a reset).
  votes_7d: Growth over the 7 days before; NULL where not known.
  votes_28d: Growth over the 28 days before; NULL where not known.
  basis: '"page" where the platform gives a total for the page, else "post" (sum over known posts).'
  is_lower_bound: True when the last reading of some of the page's posts known at that moment carried no number.
  match_method: How result and votes met, exact (same address), key (same join key) or alias (redirect or canonical).
checks:
  votes were read before the list: observed_at <= ranked_at
  a number belongs to status observed: (votes IS NOT NULL) = (status = 'observed')
  known match method: match_method IN ('exact', 'key', 'alias')
*/
WITH addresses AS (
    SELECT platform, page_key, url, min(observed_at) AS seen_from
    FROM stg_observations
    WHERE url IS NOT NULL
    GROUP BY platform, page_key, url
),
keys AS (
    SELECT platform, page_key, url_key, min(observed_at) AS seen_from
    FROM stg_observations
    GROUP BY platform, page_key, url_key
),
matched AS (
    SELECT
        r.result_id, r.list_id, r.keyword, r.ranked_at, r.url, r.page_key, r.position,
        t.platform, t.verb, t.basis, t.votes, t.valid_from AS observed_at, t.n_blind, t.n_failed, t.n_resets, t.is_search,
        row_number() OVER (PARTITION BY r.result_id, t.platform, t.verb ORDER BY CASE WHEN t.votes IS NULL THEN 1 ELSE 0 END, t.basis) AS place
    FROM serp_results AS r
    INNER JOIN stg_totals AS t
        ON t.page_key = r.page_key AND t.valid_from <= r.ranked_at AND r.ranked_at < t.valid_to
),
chosen AS (
    SELECT
        *,
        ranked_at - INTERVAL 1 DAY AS at_1d,
        ranked_at - INTERVAL 7 DAY AS at_7d,
        ranked_at - INTERVAL 28 DAY AS at_28d
    FROM matched
    WHERE place = 1
),
late AS (
    SELECT
        c.result_id, c.platform, c.verb,
        max(CASE WHEN p.observed_at > c.at_1d AND p.blind_from <= c.at_1d THEN 1 ELSE 0 END) AS late_1d,
        max(CASE WHEN p.observed_at > c.at_7d AND p.blind_from <= c.at_7d THEN 1 ELSE 0 END) AS late_7d,
        max(CASE WHEN p.blind_from <= c.at_28d THEN 1 ELSE 0 END) AS late_28d
    FROM chosen AS c
    INNER JOIN stg_points AS p
        ON p.platform = c.platform AND p.verb = c.verb AND p.basis = c.basis AND p.page_key = c.page_key
        AND p.observed_at > c.at_28d AND p.observed_at <= c.ranked_at
    WHERE p.is_first AND p.is_search = c.is_search
    GROUP BY c.result_id, c.platform, c.verb
)
SELECT
    c.result_id, c.list_id, c.keyword, c.ranked_at, c.url, c.page_key, c.position, c.platform, c.verb, c.votes,
    CASE WHEN c.votes IS NOT NULL THEN 'observed' WHEN c.n_failed > 0 THEN 'failed' ELSE 'hidden' END AS status,
    c.observed_at,
    CASE
        WHEN c.n_blind = 0 AND coalesce(d1.n_blind, 0) = 0 AND coalesce(d1.n_resets, 0) = c.n_resets
            AND coalesce(l.late_1d, 0) = 0 THEN c.votes - coalesce(d1.votes, 0)
    END AS votes_1d,
    CASE
        WHEN c.n_blind = 0 AND coalesce(d7.n_blind, 0) = 0 AND coalesce(d7.n_resets, 0) = c.n_resets
            AND coalesce(l.late_7d, 0) = 0 THEN c.votes - coalesce(d7.votes, 0)
    END AS votes_7d,
    CASE
        WHEN c.n_blind = 0 AND coalesce(d28.n_blind, 0) = 0 AND coalesce(d28.n_resets, 0) = c.n_resets
            AND coalesce(l.late_28d, 0) = 0 THEN c.votes - coalesce(d28.votes, 0)
    END AS votes_28d,
    c.basis,
    c.n_blind > 0 AS is_lower_bound,
    CASE WHEN e.url IS NOT NULL THEN 'exact' WHEN k.url_key IS NOT NULL THEN 'key' ELSE 'alias' END AS match_method
FROM chosen AS c
INNER JOIN stg_rankings AS s ON s.list_id = c.list_id AND s.url = c.url
LEFT JOIN addresses AS e ON e.platform = c.platform AND e.page_key = c.page_key AND e.url = c.url AND e.seen_from <= c.ranked_at
LEFT JOIN keys AS k
    ON k.platform = c.platform AND k.page_key = c.page_key AND k.url_key = s.url_key AND k.seen_from <= c.ranked_at
LEFT JOIN late AS l ON l.result_id = c.result_id AND l.platform = c.platform AND l.verb = c.verb
LEFT JOIN stg_totals AS d1
    ON d1.platform = c.platform AND d1.verb = c.verb AND d1.basis = c.basis AND d1.page_key = c.page_key
    AND d1.valid_from <= c.at_1d AND c.at_1d < d1.valid_to
LEFT JOIN stg_totals AS d7
    ON d7.platform = c.platform AND d7.verb = c.verb AND d7.basis = c.basis AND d7.page_key = c.page_key
    AND d7.valid_from <= c.at_7d AND c.at_7d < d7.valid_to
LEFT JOIN stg_totals AS d28
    ON d28.platform = c.platform AND d28.verb = c.verb AND d28.basis = c.basis AND d28.page_key = c.page_key
    AND d28.valid_from <= c.at_28d AND c.at_28d < d28.valid_to
