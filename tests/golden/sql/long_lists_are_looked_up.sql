SELECT CASE WHEN (t0."sfz" IN (SELECT unnest($2::text[])) AND NOT EXISTS (SELECT 1 FROM "zhu" AS t1 WHERE t1."sfz" = t0."sfz" AND t1."zt" = '1' AND t1."bh" <> t0."bh")) THEN t0."xm"::text END AS "name",
  CASE WHEN (t0."sfz" IN (SELECT unnest($2::text[])) AND NOT EXISTS (SELECT 1 FROM "zhu" AS t2 WHERE t2."sfz" = t0."sfz" AND t2."zt" = '1' AND t2."bh" <> t0."bh")) THEN 'c' ELSE 'm' END AS "~states"
FROM "zhu" AS t0
WHERE t0."bh" = ANY($1)
ORDER BY t0."bh"
