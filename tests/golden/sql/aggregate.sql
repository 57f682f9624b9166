SELECT g0 AS "~by0", g1 AS "~by1", g2 AS "~by2", round(coalesce(sum(part), 0), 2)::text AS "~value"
FROM (SELECT left(t0."qh"::text, 9) AS g0, CASE WHEN to_char(t0."sr", 'YYYY-MM-DD') > $1::text THEN 'AGE_0_5' WHEN to_char(t0."sr", 'YYYY-MM-DD') > $2::text THEN 'AGE_6_13' WHEN to_char(t0."sr", 'YYYY-MM-DD') > $3::text THEN 'AGE_14_15' WHEN to_char(t0."sr", 'YYYY-MM-DD') IS NOT NULL THEN 'AGE_16_OVER' END AS g1, (SELECT CASE t1."lx" WHEN '1' THEN 'GRANT' WHEN '2' THEN 'LOAN' END FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" ORDER BY t1."id"::text LIMIT 1) AS g2, (round(t0."je"::numeric, 2))::numeric AS part
  FROM "zhu" AS t0
    WHERE (t0."qh" >= $4 AND t0."qh" < $5)) AS found
GROUP BY g0, g1, g2
