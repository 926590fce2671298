"""The verbs of evidence packs: make one, verify one, keep those of the published site."""
