"""Departments' systems behind one contract: fetches in schema terms -> rows."""
