"""``/reconciliation/``: civil affairs decides candidates and judges answers, units answer what was found to differ."""
