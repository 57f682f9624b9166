WITH apart AS MATERIALIZED (SELECT t1."qh", t1."xb", t1."bh"::text AS "_key", CASE WHEN NOT EXISTS (SELECT 1 FROM "zhu" AS t2 WHERE t2."sfz" = t1."sfz" AND t2."zt" = '1' AND t2."bh" <> t1."bh") THEN t1."sfz"::text END AS "_citizen", CASE WHEN TRUE THEN 'c' ELSE 'x' END || CASE WHEN (t1."qh" >= $1 AND t1."qh" < $2) THEN 'c' ELSE 'x' END AS "~states"
  FROM "zhu" AS t1
  WHERE t1."zt" = '1' AND ((t1."sr" <= $3::date OR t1."sr" IS NULL OR $4::date IS NULL) AND NOT EXISTS (SELECT 1 FROM "fu" AS t3 WHERE t3."zbh" = t1."bh" AND t3."lx" = $5) AND ((t1."pk" = '1') = $6::boolean) IS NOT TRUE)
  LIMIT $7::bigint)
SELECT g0 AS "~by0", g1 AS "~by1", coalesce(sum("~rows"), 0)::bigint AS "~value", coalesce(sum("~rows"), 0)::bigint AS "~subjects", coalesce(1 / nullif(coalesce(sum("~rows"), 0), 0)::float8, 0) AS "~largest", NULL AS "_key", NULL AS "_citizen", NULL AS "~states"
FROM (SELECT left(t0."qh"::text, 9) AS g0, CASE t0."xb" WHEN '1' THEN 'MALE' WHEN '2' THEN 'FEMALE' WHEN '0' THEN 'UNKNOWN' END AS g1, "~rows"
  FROM (SELECT t4."qh", t4."xb", count(*)::int AS "~rows"
    FROM "zhu" AS t4
    WHERE t4."zt" = '1' AND (SELECT count(*) FROM apart) < $7::bigint
    GROUP BY t4."qh", t4."xb"
    UNION ALL SELECT "qh", "xb", -1 FROM apart) AS t0) AS found
GROUP BY g0, g1
HAVING sum("~rows") > 0
UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, "_key", "_citizen", "~states" FROM apart
