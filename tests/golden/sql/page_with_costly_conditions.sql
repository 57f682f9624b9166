SELECT CASE WHEN held.c0 THEN t0."xm"::text ELSE left(t0."xm"::text, CASE WHEN length(t0."xm"::text) > 2 AND left(t0."xm"::text, 2) IN ('欧阳', '司马', '上官', '诸葛', '东方', '皇甫', '尉迟', '公孙', '慕容', '司徒', '令狐', '长孙', '宇文', '夏侯', '端木', '百里', '东郭', '南宫', '呼延', '轩辕', '澹台', '赫连', '闻人', '钟离', '独孤', '太史', '申屠', '公羊', '公冶', '宗政', '濮阳', '淳于', '单于', '太叔', '仲孙', '司空', '第五', '拓跋', '西门', '万俟') THEN 2 ELSE 1 END) || '**' END AS "name",
  CASE WHEN held.c0 THEN t0_xx."mc"::text END AS "schoolName",
  CASE WHEN held.c0 THEN 'c' ELSE 'm' END || CASE WHEN held.c0 THEN 'c' ELSE 'x' END AS "~states",
  CASE WHEN held.c0 THEN t0."xm"::text END AS "~order0"
FROM (SELECT t1."bh", t1."xm", t1."xxbm", CASE WHEN EXISTS (SELECT 1 FROM "fu" AS t3 WHERE t3."zbh" = t1."bh" AND t3."lx" = $1) THEN t1."xm" END AS "~sort0", t1."bh" AS "~sort1"
  FROM "zhu" AS t1
  WHERE (t1."qh" >= $2 AND t1."qh" < $3)
  ORDER BY CASE WHEN EXISTS (SELECT 1 FROM "fu" AS t3 WHERE t3."zbh" = t1."bh" AND t3."lx" = $1) THEN t1."xm" END, t1."bh"
LIMIT $4::bigint) AS t0
  LEFT JOIN "xx" AS t0_xx ON t0_xx."bm" = t0."xxbm"
  CROSS JOIN LATERAL (SELECT (EXISTS (SELECT 1 FROM "fu" AS t2 WHERE t2."zbh" = t0."bh" AND t2."lx" = $1)) IS TRUE AS c0 OFFSET 0) AS held
ORDER BY t0."~sort0", t0."~sort1"
