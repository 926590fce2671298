"""Planning applications and designations, from services and from files."""
