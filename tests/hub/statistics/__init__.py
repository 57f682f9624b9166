"""Tests of frozen quarters."""
