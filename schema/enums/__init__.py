"""The vocabularies of the notice and its standards, by theme; every value carries its words and codes."""
