SELECT t0."bh"::text AS "_key"
FROM "zhu" AS t0
WHERE EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND (to_char((t1."sj" AT TIME ZONE INTERVAL '8 hours'), 'YYYY-MM-DD"T"HH24:MI:SS"+08:00"')) < (to_char((t0."gx" AT TIME ZONE INTERVAL '8 hours'), 'YYYY-MM-DD"T"HH24:MI:SS"+08:00"')))
ORDER BY t0."bh"
