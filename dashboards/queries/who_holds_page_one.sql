/*
question: Which sites hold page one?
columns:
  engine: Search engine or ranking.
  rank_kind: What "position" means.
  site: Host of the page.
  keywords: Keywords for which the site is on page one of the last list.
  pages: Its pages there.
  best_position: Its best position.
note: >
  Only the last list of each keyword and setting counts. Averages (Search Console) show your own pages alone, so there
  every site is yours.
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
    r.engine, r.rank_kind, split_part(r.page_key, '/', 1) AS site,
    count(DISTINCT r.keyword_id) AS keywords,
    count(DISTINCT r.page_key) AS pages,
    min(r.position) AS best_position
FROM serp_results AS r
JOIN lists AS l ON l.list_id = r.list_id AND l.place = 1
WHERE r.position < 11
GROUP BY r.engine, r.rank_kind, split_part(r.page_key, '/', 1)
ORDER BY r.engine, r.rank_kind, keywords DESC, best_position, site
