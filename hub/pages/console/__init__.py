"""The auditors' console: reads the access log and nothing else."""
