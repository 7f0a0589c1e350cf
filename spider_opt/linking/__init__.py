"""What links words to a schema: of a question to its tables, columns and values, of a query to what there is."""
