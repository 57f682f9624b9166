"""Published figures as units see them: charts, tables and a workbook."""
