"""The life cycles that write: states and steps as data, who may take which, and a step made into a write."""
