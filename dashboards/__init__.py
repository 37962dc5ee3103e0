"""Who sees it: what people read, made from the published warehouse only."""
