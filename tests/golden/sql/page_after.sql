SELECT t0."bh"::text AS "_key",
  t0."xm"::text AS "name",
  coalesce(CASE WHEN t0."csrq" ~ '^[0-9]{8}$' THEN substr(t0."csrq", 1, 4) || '-' || substr(t0."csrq", 5, 2) || '-' || substr(t0."csrq", 7, 2) END, t0."csrq"::text) AS "~order0"
FROM "zhu" AS t0
WHERE (t0."qh" >= $1 AND t0."qh" < $2)
  AND (($3::text IS NOT NULL AND (t0."csrq" < $3::text OR t0."csrq" IS NULL))
    OR t0."csrq" IS NOT DISTINCT FROM $3::text AND t0."bh" > $4)
ORDER BY t0."csrq" DESC NULLS LAST, t0."bh"
LIMIT $5::bigint
