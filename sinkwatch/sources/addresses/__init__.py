"""Postcodes and addresses that an operator may opt into."""
