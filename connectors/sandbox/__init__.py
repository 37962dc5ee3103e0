"""A local HTTP twin of every platform's contract, one file each, with one shared simulated world behind all of them."""
