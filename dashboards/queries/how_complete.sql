/*
question: Of how many results are the votes known?
columns:
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  platform: Where the votes were cast.
  verb: What people did.
  results: Results in all lists of that ranking.
  known: Results whose votes were known at the moment of the list.
  hidden: Results whose votes the platform withheld at the last reading.
  failed: Results whose last reading failed.
  never_asked: Results of whose page the platform had not been asked by then.
note: >
  The last four add up to the results. Hidden, failed and never asked are unknown; none of them is a 0. A platform that
  is known for few results speaks for those few.
*/
WITH pairs AS (SELECT DISTINCT platform, verb FROM serp_votes),
rankings AS (SELECT engine, rank_kind, count(*) AS results FROM serp_results GROUP BY engine, rank_kind),
told AS (
    SELECT
        r.engine, r.rank_kind, v.platform, v.verb,
        count(CASE WHEN v.status = 'observed' THEN 1 END) AS known,
        count(CASE WHEN v.status = 'hidden' THEN 1 END) AS hidden,
        count(CASE WHEN v.status = 'failed' THEN 1 END) AS failed
    FROM serp_votes AS v
    JOIN serp_results AS r ON r.result_id = v.result_id
    GROUP BY r.engine, r.rank_kind, v.platform, v.verb
)
SELECT
    a.engine, a.rank_kind, p.platform, p.verb, a.results,
    coalesce(t.known, 0) AS known,
    coalesce(t.hidden, 0) AS hidden,
    coalesce(t.failed, 0) AS failed,
    a.results - coalesce(t.known + t.hidden + t.failed, 0) AS never_asked
FROM rankings AS a
CROSS JOIN pairs AS p
LEFT JOIN told AS t
    ON t.engine = a.engine AND t.rank_kind = a.rank_kind AND t.platform = p.platform AND t.verb = p.verb
ORDER BY a.engine, a.rank_kind, p.platform, p.verb
