SELECT t0."bh"::text AS "_key",
  t0."xm"::text AS "name",
  CASE WHEN t0."csrq" ~ '^[0-9]{8}$' THEN substr(t0."csrq", 1, 4) || '-' || substr(t0."csrq", 5, 2) || '-' || substr(t0."csrq", 7, 2) END AS "birthDate"
FROM "zhu" AS t0
WHERE t0."bh" = ANY($1)
ORDER BY t0."bh"
