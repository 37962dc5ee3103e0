"""What the Reputation page is made of: its rows, its pictures, and the form that sets labels."""
