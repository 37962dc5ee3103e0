"""Does it matter when a post is published? Weekday and time of day, judged fairly, with "no detectable difference"."""
