/*
question: Do votes move positions, and how sure is that?
columns:
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  platform: Where the votes were cast.
  verb: What people did.
  naive_rho: The naive number, mean within-list rank correlation at the greatest depth; NULL where no list gave one.
  verdict: supports, contradicts, cannot tell or not enough data.
  rung: Highest rung of evidence reached.
  estimate: Positions gained in the two weeks after votes doubled; NULL where there is none that could be read as an effect.
  ci_low: Lower end of its 95 % interval.
  ci_high: Upper end of its 95 % interval.
  prose: What it says, for people.
note: >
  Read the verdict, not the naive number: a correlation looks the same whether votes lift pages, positions bring votes,
  or a good page earns both.
*/
WITH deepest AS (
    SELECT
        engine, rank_kind, platform, verb, mean_rho,
        row_number() OVER (PARTITION BY engine, rank_kind, platform, verb ORDER BY depth DESC) AS place
    FROM association
    WHERE mean_rho IS NOT NULL
)
SELECT
    v.engine, v.rank_kind, v.platform, v.verb, d.mean_rho AS naive_rho,
    v.verdict, v.rung, v.estimate, v.ci_low, v.ci_high, v.prose
FROM verdicts AS v
LEFT JOIN deepest AS d
    ON d.engine = v.engine AND d.rank_kind = v.rank_kind AND d.platform = v.platform AND d.verb = v.verb AND d.place = 1
ORDER BY
    CASE v.verdict WHEN 'supports' THEN 0 WHEN 'contradicts' THEN 1 WHEN 'cannot tell' THEN 2 ELSE 3 END,
    v.q_value, v.engine, v.rank_kind, v.platform, v.verb
