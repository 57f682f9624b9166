SELECT DISTINCT t0."bh"::text AS "_key"
FROM "zhu" AS t0
WHERE ((t0."qh" >= $1 AND t0."qh" < $2) AND (NOT EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $3) OR (t0."sr" >= $4::date OR t0."sr" IS NULL OR $5::date IS NULL)))
LIMIT $6::bigint
