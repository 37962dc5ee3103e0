"""The pages. Each module holds a `VIEW`; adding one adds a file and edits no list."""
