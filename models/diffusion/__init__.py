"""How votes spread: what is passed on, how fast, how long, and how unevenly."""
