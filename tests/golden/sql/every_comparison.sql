SELECT t0."bh"::text AS "_key"
FROM "zhu" AS t0
WHERE (t0."xm" = $1 AND t0."xb" = $2 AND t0."gxdm" = ANY($3) AND t0."gxdm" = ANY($4) AND string_to_array(t0."ly", ',') && $5 AND t0."lb" && $6 AND (t0."csrq" <= $7 AND t0."csrq" ~ '^[0-9]{8}$') AND t0."gx" < $8::timestamptz + INTERVAL '1 second' AND t0."pk" = '1' AND NOT t0."du" AND (t0."pk" = '1') = $9::boolean AND strpos(t0."xm"::text, $10::text) > 0 AND starts_with(t0."xm"::text, $10::text) AND (t0."dj"::bigint) IS NOT NULL AND round(t0."je"::numeric, 2) > $11::numeric AND (t0."qh" >= $12 AND t0."qh" < $13) AND ((t0."sfz" = $14 AND NOT EXISTS (SELECT 1 FROM "zhu" AS t1 WHERE t1."sfz" = t0."sfz" AND t1."zt" = '1' AND t1."bh" <> t0."bh"))) IS NOT TRUE AND (t0."dj" < $15::bigint OR FALSE))
ORDER BY t0."bh"
