"""What the models say of the tables: one file per model, each a table of the warehouse and an asset of the graph."""
