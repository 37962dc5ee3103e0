/*
description: >
  Counts of a part of the public (a country, an age, a device), where a platform tells them. They are never added to
  totals: segments overlap, small ones are withheld, and a platform's segments need not sum to its total.
grain: [platform, verb, basis, subject, segment, observed_at]
columns:
  platform: Where the votes were cast.
  verb: What people did (share, like, comment, save, view, click).
  basis: '"page" is the platform''s own total for a web page; "post" is one post that links to the page.'
  url_key: Join key of the page; NULL where the count is about an account or a post without a link.
  subject: What was counted, for a post its id on the platform, else the page's key, else the account.
  segment: Which part of the public, as dimension=value; several are joined by a semicolon. A star where all failed.
  observed_at: When the count was read (UTC).
  count: The count; NULL where the platform withholds it or where it is too small to be kept.
  status: observed, hidden, unsupported, not_found or failed.
  native: The platform's own name of the number.
checks:
  a number belongs to status observed and to no other: (count IS NOT NULL) = (status = 'observed')
  every row is of a segment: segment IS NOT NULL
*/
WITH named AS (
    SELECT
        *,
        coalesce(object_id, url_key, url, 'account') AS subject
    FROM observations
    WHERE segment IS NOT NULL
),
ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY platform, verb, basis, subject, segment, observed_at
            ORDER BY CASE WHEN status = 'observed' THEN 0 ELSE 1 END, count DESC, day DESC, connector, stream, url
        ) AS place
    FROM named
)
SELECT
    platform, verb, basis, url_key, subject, segment, observed_at, count, status, native
FROM ordered
WHERE place = 1
