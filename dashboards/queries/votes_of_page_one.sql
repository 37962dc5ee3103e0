/*
question: Which pages stand on page one now, and what are their votes?
columns:
  keyword: The keyword.
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  ranked_at: Moment of the keyword's last list there (UTC).
  position: The page's position.
  url: Its address.
  platform: Where the votes were cast; NULL where no platform had been asked about the page.
  verb: What people did.
  votes: Votes known then; NULL is unknown.
  votes_7d: Growth over the 7 days before; NULL is unknown.
  status: observed, hidden or failed, what the last reading was.
note: >
  Votes of different platforms are rows of their own and are never added up. That a page has both a good place and many
  votes says nothing about which brought which.
*/
WITH lists AS (
    SELECT
        list_id,
        row_number() OVER (
            PARTITION BY keyword_id, engine, country, language, device, rank_kind, source
            ORDER BY max(ranked_at) DESC, list_id DESC
        ) AS place
    FROM serp_results
    GROUP BY list_id, keyword_id, engine, country, language, device, rank_kind, source
)
SELECT
    r.keyword, r.engine, r.rank_kind, r.ranked_at, r.position, r.url,
    v.platform, v.verb, v.votes, v.votes_7d, v.status
FROM serp_results AS r
JOIN lists AS l ON l.list_id = r.list_id AND l.place = 1
LEFT JOIN serp_votes AS v ON v.result_id = r.result_id
WHERE r.position < 11
ORDER BY r.keyword, r.engine, r.rank_kind, r.list_id, r.position, r.url, v.platform, v.verb
