"""From a digest to finished e-mail bytes, and from those to a relay or a folder."""
