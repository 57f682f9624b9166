SELECT g0 AS "~by0", count(*)::bigint AS "~value", count(subject) AS "~subjects", coalesce(1 / nullif(count(*), 0)::float8, 0) AS "~largest"
FROM (SELECT left(t0."qh"::text, 9) AS g0, t0."bh"::text AS subject
  FROM (SELECT t3."qh", t3."bh", t3."sfz" FROM "zhu" AS t3 WHERE (t3."qh" >= $3 AND t3."qh" < $4) OFFSET 0) AS t0
  WHERE (EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $1) OR (t0."sfz" IN (SELECT unnest($2::text[])) AND NOT EXISTS (SELECT 1 FROM "zhu" AS t2 WHERE t2."sfz" = t0."sfz" AND t2."zt" = '1' AND t2."bh" <> t0."bh")))) AS found
GROUP BY g0
