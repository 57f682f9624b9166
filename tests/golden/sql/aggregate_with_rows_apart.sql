SELECT g0 AS "~by0", g1 AS "~by1", coalesce(sum("~rows"), 0)::bigint AS "~value"
FROM (SELECT left(t0."qh"::text, 9) AS g0, CASE t0."xb" WHEN '1' THEN 'MALE' WHEN '2' THEN 'FEMALE' WHEN '0' THEN 'UNKNOWN' END AS g1, "~rows"
  FROM (SELECT t1."qh", t1."xb", count(*)::int AS "~rows"
    FROM "zhu" AS t1
    WHERE t1."zt" = '1'
    GROUP BY t1."qh", t1."xb"
    UNION ALL SELECT t2."qh", t2."xb", -1
    FROM "zhu" AS t2
    WHERE (t2."zt" = '1' AND ((t2."sr" <= $1::date OR t2."sr" IS NULL OR $2::date IS NULL) AND NOT EXISTS (SELECT 1 FROM "fu" AS t3 WHERE t3."zbh" = t2."bh" AND t3."lx" = $3) AND ((t2."pk" = '1') = $4::boolean) IS NOT TRUE))) AS t0) AS found
GROUP BY g0, g1
HAVING sum("~rows") > 0
