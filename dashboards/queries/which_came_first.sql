/*
question: Which moves first, votes or positions?
columns:
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  platform: Where the votes were cast.
  verb: What people did.
  direction: votes_lead, positions_lead, simultaneous, neither or unknown.
  lag_days: Days from votes to half of the move; NULL unless votes lead.
  p_forward: p of "positions move after votes"; small speaks for it.
  p_backward: p of "votes move after positions"; small speaks for it.
  placebo_share: Share of placebos that do as well; small is good.
  why_not: Why it could not be asked; NULL where it could.
note: >
  That votes come first does not make them the cause: news may bring votes at once and lift the page later. Positions that
  come first are the usual reason for a fine correlation without any effect.
*/
SELECT
    t.engine, t.rank_kind, t.platform, t.verb, v.direction, v.lag_days,
    t.p_forward, t.p_backward, t.placebo_share, t.why_not
FROM timing AS t
LEFT JOIN verdicts AS v
    ON v.engine = t.engine AND v.rank_kind = t.rank_kind AND v.platform = t.platform AND v.verb = t.verb
ORDER BY t.p_forward NULLS LAST, t.engine, t.rank_kind, t.platform, t.verb
