WITH there AS (SELECT (t0."lx" = $2) IS TRUE AS fresh
  FROM "fu" AS t0
  WHERE (t0."id" = $1::bigint AND TRUE) FOR UPDATE OF t0)
SELECT fresh FROM there
-- $1: key
-- $2: = 'LOAN'
