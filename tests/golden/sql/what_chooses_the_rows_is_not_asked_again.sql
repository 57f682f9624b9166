SELECT CASE WHEN held.c0 THEN t0."xm"::text END AS "name",
  t0."dh"::text AS "phone",
  CASE WHEN held.c0 THEN 'c' ELSE 'u' END || 'c' AS "~states",
  (held.c0) IS TRUE AS "~certain"
FROM "zhu" AS t0
  CROSS JOIN LATERAL (SELECT (EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $3)) IS TRUE AS c0 OFFSET 0) AS held
WHERE ((t0."qh" >= $1 AND t0."qh" < $2) AND t0."zt" = '1')
ORDER BY t0."bh"
