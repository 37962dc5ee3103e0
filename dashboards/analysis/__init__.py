"""What notebooks are made of: example questions to the warehouse, and answers as tables and charts."""
