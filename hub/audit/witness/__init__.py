"""Who stands behind the log: a witness that cosigns its heads, and the hub's side that asks it (C2SP tlog-witness)."""
