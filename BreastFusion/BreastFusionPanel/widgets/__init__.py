"""Small parts that several sections use."""
