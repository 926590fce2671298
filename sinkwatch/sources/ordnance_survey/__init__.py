"""Open products of Ordnance Survey, all of them from one API."""
