"""Open maps and indexes of the British Geological Survey, and servers that speak as its own."""
