"""One file per source of search rankings. A new file here is a new source; no list is edited."""
