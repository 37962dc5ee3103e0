"""One file per platform that counts votes. A new file here is a new platform; no list is edited."""
