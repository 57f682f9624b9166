WITH there AS (SELECT (t0."dj" = ANY($5::bigint[])) IS TRUE AS fresh, t0."dj"::bigint AS s0, t0_xx."mc"::text AS s1
  FROM "zhu" AS t0
  LEFT JOIN "xx" AS t0_xx ON t0_xx."bm" = t0."xxbm"
  WHERE (t0."bh" = $1 AND ((t0."qh" >= $2 AND t0."qh" < $3) AND (EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $4)) IS NOT TRUE)) FOR UPDATE OF t0),
changed AS (UPDATE "zhu" AS t2 SET "dj" = coalesce(t2."dj", 0) + 1, "gx" = $6::timestamptz
  WHERE t2."bh" = $1 AND (SELECT fresh FROM there) RETURNING 1)
SELECT fresh, s0, s1 FROM there
-- $1: key
-- $2: me
-- $3: me
-- $4: = 'LOAN'
-- $5: = [1, 2]
-- $6: now
