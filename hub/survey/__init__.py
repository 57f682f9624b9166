"""A village's form -> checked rows, or the same form with what is wrong in it."""
