SELECT CASE WHEN (t0."qh" >= $2 AND t0."qh" < $3) THEN t0."xm"::text ELSE left(t0."xm"::text, CASE WHEN length(t0."xm"::text) > 2 AND left(t0."xm"::text, 2) IN ('欧阳', '司马', '上官', '诸葛', '东方', '皇甫', '尉迟', '公孙', '慕容', '司徒', '令狐', '长孙', '宇文', '夏侯', '端木', '百里', '东郭', '南宫', '呼延', '轩辕', '澹台', '赫连', '闻人', '钟离', '独孤', '太史', '申屠', '公羊', '公冶', '宗政', '濮阳', '淳于', '单于', '太叔', '仲孙', '司空', '第五', '拓跋', '西门', '万俟') THEN 2 ELSE 1 END) || '**' END AS "name",
  CASE WHEN held.c0 THEN CASE WHEN length(t0."sfz"::text) >= 15 THEN left(t0."sfz"::text, 6) || '************' END END AS "citizenId",
  CASE WHEN held.c0 THEN t0."dh"::text WHEN (t0."qh" >= $2 AND t0."qh" < $3) THEN NULL WHEN held.c0 THEN CASE WHEN length(t0."dh"::text) >= 11 THEN '*******' || right(t0."dh"::text, 4) END END AS "phone",
  left(CASE WHEN t0."csrq" ~ '^[0-9]{8}$' THEN substr(t0."csrq", 1, 4) || '-' || substr(t0."csrq", 5, 2) || '-' || substr(t0."csrq", 7, 2) END, 4) AS "birthDate",
  CASE WHEN t0."dz" IS NOT NULL THEN (SELECT division."mc"::text FROM "qh" AS division WHERE division."dm" = t0."dz_qh" LIMIT 1) END AS "address",
  CASE WHEN held.c0 THEN t0."dj"::bigint END AS "grade",
  CASE WHEN (t0."qh" >= $2 AND t0."qh" < $3) THEN 'c' ELSE 'm' END || CASE WHEN held.c0 THEN 'm' ELSE 'x' END || CASE WHEN held.c0 THEN 'c' WHEN (t0."qh" >= $2 AND t0."qh" < $3) THEN 'u' WHEN held.c0 THEN 'm' ELSE 'u' END || 'm' || 'm' || CASE WHEN held.c0 THEN 'c' ELSE 'm' END AS "~states",
  (held.c0) IS TRUE AS "~certain"
FROM "zhu" AS t0
  CROSS JOIN LATERAL (SELECT (EXISTS (SELECT 1 FROM "fu" AS t1 WHERE t1."zbh" = t0."bh" AND t1."lx" = $1)) IS TRUE AS c0 OFFSET 0) AS held
WHERE TRUE
ORDER BY t0."bh"
