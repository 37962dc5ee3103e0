/*
description: What is known of pages besides votes and positions (links, authority, age, length), long form, latest value a day.
grain: [page_key, name, covariate_day]
columns:
  page_key: Join key of the page.
  name: Name of the number, as in the imported file.
  covariate_day: Day the value belongs to; 1970-01-01 where the file names no day.
  value: The value.
*/
SELECT
    coalesce(a.to_key, c.url_key) AS page_key, c.name, coalesce(c.covariate_day, DATE '1970-01-01') AS covariate_day, max(c.value) AS value
FROM covariates AS c
LEFT JOIN (SELECT from_key, max(to_key) AS to_key FROM aliases GROUP BY from_key) AS a ON a.from_key = c.url_key
GROUP BY coalesce(a.to_key, c.url_key), c.name, coalesce(c.covariate_day, DATE '1970-01-01')
