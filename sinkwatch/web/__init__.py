"""The sign-up service: forms, signed links and the published site, without a script of its own."""
