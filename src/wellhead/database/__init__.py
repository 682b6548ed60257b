"""The only place with SQL: schema, migrations, and the statements of each table."""
