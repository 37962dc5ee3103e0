"""Sending the daily mail: who is due, the ledger that keeps it to once, SMTP, and what came back."""
