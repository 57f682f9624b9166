"""Documents and entitlements -> plans, and plans -> fetches."""
