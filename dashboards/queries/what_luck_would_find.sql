/*
question: How many tests were made, and how many findings are left when that is allowed for?
columns:
  family: The question.
  tests: Tests made of it.
  small_p: Tests with p at or below 0.05, of which chance alone gives one in twenty.
  findings: Tests that remain findings at a false discovery rate of 5 %.
note: >
  Whoever asks often enough finds something. Count the findings, not the small p.
*/
SELECT
    family,
    count(p) AS tests,
    count(CASE WHEN p <= 0.05 THEN 1 END) AS small_p,
    count(CASE WHEN is_discovery THEN 1 END) AS findings
FROM ledger
GROUP BY family
ORDER BY family
