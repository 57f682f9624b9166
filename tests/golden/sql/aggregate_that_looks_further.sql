SELECT g0 AS "~by0", count(*)::bigint AS "~value", count(subject) AS "~subjects", coalesce(1 / nullif(count(*), 0)::float8, 0) AS "~largest"
FROM (SELECT left(t0."qh"::text, 9) AS g0, t0."bh"::text AS subject
  FROM (SELECT t2."qh", t2."bh", t2."xb" FROM "zhu" AS t2 WHERE (t2."qh" >= $3 AND t2."qh" < $4) OFFSET 0) AS t0
  WHERE (EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $1) OR t0."xb" = $2)) AS found
GROUP BY g0
