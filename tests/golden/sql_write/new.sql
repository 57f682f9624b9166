WITH about AS (SELECT 1),
made AS (INSERT INTO "zhu" ("bh", "xb", "pk", "ly", "lb", "csrq", "je")
  SELECT $1, $2, $3, $4, $5, $6, $7::numeric FROM about ON CONFLICT DO NOTHING RETURNING 1)
SELECT EXISTS (SELECT FROM about), EXISTS (SELECT FROM made)
-- $1: key
-- $2: sex
-- $3: poor
-- $4: incomes
-- $5: kinds
-- $6: birthDate
-- $7: amount
