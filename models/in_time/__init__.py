"""Rungs 3 and 4: what moves first, and what sudden bursts of votes do."""
