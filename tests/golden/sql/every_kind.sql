SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM "zhu" AS t1 WHERE t1."sfz" = t0."sfz" AND t1."zt" = '1' AND t1."bh" <> t0."bh") THEN t0."sfz"::text END AS "_citizen",
  (t0."zt" = '1') AS "_open",
  CASE WHEN t0."csrq" ~ '^[0-9]{8}$' THEN substr(t0."csrq", 1, 4) || '-' || substr(t0."csrq", 5, 2) || '-' || substr(t0."csrq", 7, 2) END AS "birthDate",
  to_char(t0."sr", 'YYYY-MM-DD') AS "bornOn",
  to_char((t0."gx" AT TIME ZONE INTERVAL '8 hours'), 'YYYY-MM-DD"T"HH24:MI:SS"+08:00"') AS "updatedAt",
  to_char(t0."ts", 'YYYY-MM-DD"T"HH24:MI:SS"+08:00"') AS "heardAt",
  CASE t0."xb" WHEN '1' THEN 'MALE' WHEN '2' THEN 'FEMALE' WHEN '0' THEN 'UNKNOWN' END AS "sex",
  CASE t0."gxdm" WHEN '51' THEN 'FATHER' WHEN '81' THEN 'UNCLE' WHEN '83' THEN 'UNCLE' WHEN '99' THEN 'NON_RELATIVE' END AS "kin",
  t0."du" AS "alone",
  (t0."pk" = '1') AS "poor",
  CASE WHEN t0."ly" IS NOT NULL THEN coalesce((SELECT array_agg(value ORDER BY place) FROM (SELECT CASE item WHEN 'a' THEN 'FARMING' WHEN 'b' THEN 'WAGES' WHEN 'c' THEN 'WAGES' WHEN 'd' THEN 'OTHER' END AS value, place FROM unnest(string_to_array(t0."ly", ',')) WITH ORDINALITY AS listed (item, place)) AS named WHERE value IS NOT NULL), '{}'::text[]) END AS "incomes",
  CASE WHEN t0."lb" IS NOT NULL THEN coalesce((SELECT array_agg(value ORDER BY place) FROM (SELECT CASE item WHEN '1' THEN 'GRANT' WHEN '2' THEN 'LOAN' END AS value, place FROM unnest(t0."lb") WITH ORDINALITY AS listed (item, place)) AS named WHERE value IS NOT NULL), '{}'::text[]) END AS "kinds",
  string_to_array(t0."bw", '|') AS "parts",
  t0."bq" AS "tags",
  t0."dj"::bigint AS "grade",
  CASE WHEN t0."js" ~ '^[0-9]{1,9}$' THEN t0."js"::bigint END AS "digits",
  round(t0."je"::numeric, 2)::text AS "amount",
  t0."bl"::float8 AS "rate",
  t0_qy."mc"::text AS "regionName"
FROM "zhu" AS t0
  LEFT JOIN "xx" AS t0_xx ON t0_xx."bm" = t0."xxbm"
  LEFT JOIN "qy" AS t0_qy ON t0_qy."dz" = t0_xx."dz"
WHERE TRUE
ORDER BY t0."bh"
