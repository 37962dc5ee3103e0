"""Files of other tools on their way into the lake: read, understood, kept; what cannot be used is set aside."""
