SELECT t0."id"::text AS "_key",
  CASE t0."lx" WHEN '1' THEN 'GRANT' WHEN '2' THEN 'LOAN' END AS "kind",
  to_char(t0."rq", 'YYYY-MM-DD') AS "~order0"
FROM (SELECT t1."id", t1."lx", t1."rq", t1."rq" AS "~sort0", t1."id"::text AS "~sort1", row_number() OVER (PARTITION BY t1."zbh"::text ORDER BY t1."rq", t1."id"::text) AS "~rank"
  FROM "fu" AS t1
  WHERE t1."zbh" = ANY($1)) AS t0
WHERE t0."~rank" <= coalesce($2::bigint, 9223372036854775807)
ORDER BY t0."~sort0", t0."~sort1"
