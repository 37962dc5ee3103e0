/*
description: >
  The votes of each page day by day: what was known at the end of each day on which they were read. As in serp_votes,
  the platform's own total of the page speaks where it is known, else the sum over its posts; the two are never added.
  A day without a row was not read, which is unknown and not "no votes".
grain: [page_key, platform, verb, day]
columns:
  page_key: Join key of the page.
  platform: Where the votes were cast.
  verb: What people did.
  day: Day of the reading (UTC).
  votes: Votes known at the end of the day; NULL when the last reading carried no number.
  change: >
    Votes gained (or lost) since day_before, or since publication for a page first read on the day its posts were
    published. NULL where that is not known: some count unknown on either day, a reset, an older post found in between.
  day_before: The day read before, of the same basis; NULL for the first.
  status: observed when votes is known, else failed or hidden, what the last reading was.
  is_lower_bound: True when the last reading of some of the page's posts carried no number.
  basis: '"page" where the platform gives a total for the page, else "post" (sum over known posts).'
  observed_at: The moment of the day's last reading (UTC).
checks:
  a number belongs to status observed: (votes IS NOT NULL) = (status = 'observed')
  the reading is of the day: CAST(observed_at AS DATE) = day
  a change is between known numbers: change IS NULL OR votes IS NOT NULL
*/
WITH dated AS (
    SELECT *, CAST(valid_from AS DATE) AS day FROM stg_totals
),
ends AS (
    SELECT *, max(valid_from) OVER (PARTITION BY page_key, platform, verb, basis, day) AS last_at FROM dated
),
daily AS (
    SELECT
        *,
        lag(day) OVER basis_in_time AS day_before,
        lag(valid_from) OVER basis_in_time AS at_before,
        lag(votes) OVER basis_in_time AS votes_before,
        lag(n_blind) OVER basis_in_time AS n_blind_before,
        lag(n_resets) OVER basis_in_time AS n_resets_before
    FROM ends
    WHERE valid_from = last_at
    WINDOW basis_in_time AS (PARTITION BY page_key, platform, verb, basis ORDER BY day)
),
begun AS (
    SELECT
        platform, verb, basis, page_key, is_search, CAST(observed_at AS DATE) AS day, min(blind_from) AS blind_from
    FROM stg_points
    WHERE is_first
    GROUP BY platform, verb, basis, page_key, is_search, CAST(observed_at AS DATE)
),
changed AS (
    SELECT
        d.*,
        CASE
            WHEN d.n_blind = 0 AND coalesce(d.n_blind_before, 0) = 0 AND coalesce(d.n_resets_before, 0) = d.n_resets
                AND (b.blind_from IS NULL OR b.blind_from > coalesce(d.at_before, CAST(d.day AS TIMESTAMPTZ)))
                THEN d.votes - coalesce(d.votes_before, 0)
        END AS change
    FROM daily AS d
    LEFT JOIN begun AS b
        ON b.page_key = d.page_key AND b.platform = d.platform AND b.verb = d.verb AND b.basis = d.basis
        AND b.day = d.day AND b.is_search = d.is_search
),
paired AS (
    SELECT
        *,
        max(CASE WHEN basis = 'page' THEN day END) OVER (PARTITION BY page_key, platform, verb ORDER BY day) AS page_day,
        max(CASE WHEN basis = 'post' THEN day END) OVER (PARTITION BY page_key, platform, verb ORDER BY day) AS post_day
    FROM changed
)
SELECT
    m.page_key, m.platform, m.verb, m.day, m.votes, m.change, m.day_before,
    CASE WHEN m.votes IS NOT NULL THEN 'observed' WHEN m.n_failed > 0 THEN 'failed' ELSE 'hidden' END AS status,
    m.n_blind > 0 AS is_lower_bound, m.basis, m.valid_from AS observed_at
FROM paired AS m
LEFT JOIN daily AS o
    ON o.page_key = m.page_key AND o.platform = m.platform AND o.verb = m.verb AND o.basis <> m.basis
    AND o.day = CASE WHEN m.basis = 'page' THEN m.post_day ELSE m.page_day END
WHERE o.basis IS NULL
    OR (m.basis = 'page' AND (m.votes IS NOT NULL OR o.votes IS NULL))
    OR (m.basis = 'post' AND m.votes IS NOT NULL AND o.votes IS NULL)
ORDER BY m.page_key, m.platform, m.verb, m.day
