"""The one way out to the internet, and how each server there may be asked."""
