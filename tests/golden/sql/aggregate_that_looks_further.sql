SELECT g0 AS "~by0", coalesce(sum("~rows"), 0)::bigint AS "~value"
FROM (SELECT left(t0."qh"::text, 9) AS g0, "~rows"
  FROM (SELECT t1."qh", count(*)::int AS "~rows"
    FROM (SELECT t4."qh", t4."bh", t4."sfz" FROM "zhu" AS t4 WHERE (t4."qh" >= $3 AND t4."qh" < $4) OFFSET 0) AS t1
    WHERE (EXISTS (SELECT 1 FROM "fu" AS t2 WHERE t2."zbh" = t1."bh" AND t2."lx" = $1) OR (t1."sfz" IN (SELECT unnest($2::text[])) AND NOT EXISTS (SELECT 1 FROM "zhu" AS t3 WHERE t3."sfz" = t1."sfz" AND t3."zt" = '1' AND t3."bh" <> t1."bh")))
    GROUP BY t1."qh") AS t0) AS found
GROUP BY g0
