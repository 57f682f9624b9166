"""The commands of ``hub``, a group a file; each file adds its own to the application."""
