SELECT DISTINCT CASE WHEN NOT EXISTS (SELECT 1 FROM "zhu" AS t1 WHERE t1."sfz" = t0."sfz" AND t1."zt" = '1' AND t1."bh" <> t0."bh") THEN t0."sfz"::text END AS "_citizen"
FROM "zhu" AS t0
WHERE t0."zt" = '1'
