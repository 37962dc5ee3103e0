"""The web app over the published warehouse: one file of `views/` is one page."""
