/*
description: >
  Every reading of every count, once. A reading that arrived twice (a day read again, overlapping export files) is kept
  in its best form: one that carries a number before one that does not, then the higher number, then the later look. A
  post that links to several pages is read for each of them; posts that link to no page are left out, and so are
  counts of a part of the public (they are in vote_segments).
grain: [platform, verb, basis, page_key, subject, observed_at]
columns:
  platform: Where the votes were cast.
  verb: What people did (share, like, comment, save, view, click); each platform's own meaning is in the docs of its source.
  basis: '"page" is the platform''s own total for a web page; "post" is one post that links to the page.'
  subject: What was counted, for basis post the post's id on the platform, else the page's key.
  page_key: Join key of the page, after known aliases (redirects, canonical addresses).
  url_key: Join key of the page as the platform wrote its address, before aliases.
  url: The address as the platform wrote it.
  observed_at: When the count was read (UTC).
  published_at: When the post was published (UTC); NULL for page totals or where unknown.
  count: The count; NULL unless status is observed. Unknown is NULL, never 0.
  status: observed, hidden, unsupported, not_found or failed.
  quality: exact, rounded, lower_bound, fuzzed or default_zero.
  native: The platform's own name of the number.
  connector: The source that read it; "import" for files.
checks:
  a number belongs to status observed and to no other: (count IS NOT NULL) = (status = 'observed')
  known status: status IN ('observed', 'hidden', 'unsupported', 'not_found', 'failed')
  known verb: verb IN ('share', 'like', 'comment', 'save', 'view', 'click')
  counts are not negative, except net scores of likes: count IS NULL OR count >= 0 OR verb = 'like'
*/
WITH keyed AS (
    SELECT
        o.platform,
        o.verb,
        o.basis,
        CASE WHEN o.basis = 'post' AND o.object_id IS NOT NULL THEN o.object_id ELSE coalesce(o.url_key, o.url) END AS subject,
        coalesce(a.to_key, o.url_key, o.url) AS page_key,
        coalesce(o.url_key, o.url) AS url_key,
        o.url,
        o.observed_at,
        o.published_at,
        o.count,
        o.status,
        o.quality,
        o.native,
        o.connector,
        o.stream,
        o.day
    FROM observations AS o
    LEFT JOIN (SELECT from_key, max(to_key) AS to_key FROM aliases GROUP BY from_key) AS a ON a.from_key = o.url_key
    WHERE o.segment IS NULL
),
ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY platform, verb, basis, page_key, subject, observed_at
            ORDER BY CASE WHEN status = 'observed' THEN 0 ELSE 1 END, count DESC, day DESC, connector, stream, url
        ) AS place
    FROM keyed
    WHERE page_key IS NOT NULL
)
SELECT
    platform, verb, basis, subject, page_key, url_key, url, observed_at, published_at, count, status, quality, native,
    connector
FROM ordered
WHERE place = 1
