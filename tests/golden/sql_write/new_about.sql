WITH about AS (SELECT 1 FROM "zhu" AS t0 WHERE (t0."bh" = $1 AND ((t0."qh" >= $2 AND t0."qh" < $3) AND EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $4)))),
made AS (INSERT INTO "fu" ("id", "zbh", "lx")
  SELECT $5::bigint, $6, $7 FROM about ON CONFLICT DO NOTHING RETURNING 1)
SELECT EXISTS (SELECT FROM about), EXISTS (SELECT FROM made)
-- $1: key
-- $2: me
-- $3: me
-- $4: = 'LOAN'
-- $5: part
-- $6: key
-- $7: = 'LOAN'
