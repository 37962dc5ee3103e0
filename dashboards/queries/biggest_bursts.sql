/*
question: Where did votes come fastest, and how did the page stand before and after?
columns:
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  platform: Where the votes were cast.
  verb: What people did.
  page_key: Join key of the page, host and path.
  last_day: Last day of the week in which most votes came (UTC).
  gained: Votes that came in that week.
  keywords: Keywords with a position of the page both before and after.
  before: Mean position over the 7 days before that week.
  after: Mean position over the 7 days after it.
  places_gained: before minus after, plus is better.
note: >
  One row per page, platform and verb: its best week, among weeks with known growth. Keywords that are known on one side
  only are left out, and so are pages with none known on both sides; days on which a page was not found have no position
  and do not count, which flatters. A page picked by hand proves nothing; the event study in quasi_experiment compares such weeks with quiet pages of the same lists.
*/
WITH grown AS (
    SELECT
        r.engine, r.rank_kind, v.platform, v.verb, v.page_key,
        CAST(v.ranked_at AS DATE) AS last_day, max(v.votes_7d) AS gained
    FROM serp_votes AS v
    JOIN serp_results AS r ON r.result_id = v.result_id
    WHERE v.votes_7d > 0
    GROUP BY r.engine, r.rank_kind, v.platform, v.verb, v.page_key, CAST(v.ranked_at AS DATE)
),
best AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY engine, rank_kind, platform, verb, page_key ORDER BY gained DESC, last_day
        ) AS place
    FROM grown
),
sides AS (
    SELECT
        b.engine, b.rank_kind, b.platform, b.verb, b.page_key, b.last_day, b.gained, r.keyword_id,
        avg(CASE WHEN CAST(r.ranked_at AS DATE) <= b.last_day - 7 THEN r.position END) AS before,
        avg(CASE WHEN CAST(r.ranked_at AS DATE) > b.last_day THEN r.position END) AS after
    FROM best AS b
    JOIN serp_results AS r
        ON r.page_key = b.page_key AND r.engine = b.engine AND r.rank_kind = b.rank_kind
        AND CAST(r.ranked_at AS DATE) > b.last_day - 14 AND CAST(r.ranked_at AS DATE) <= b.last_day + 7
    WHERE b.place = 1
    GROUP BY b.engine, b.rank_kind, b.platform, b.verb, b.page_key, b.last_day, b.gained, r.keyword_id
)
SELECT
    engine, rank_kind, platform, verb, page_key, last_day, gained,
    count(*) AS keywords, avg(before) AS before, avg(after) AS after, avg(before) - avg(after) AS places_gained
FROM sides
WHERE before IS NOT NULL AND after IS NOT NULL
GROUP BY engine, rank_kind, platform, verb, page_key, last_day, gained
ORDER BY gained DESC, engine, rank_kind, platform, verb, page_key
