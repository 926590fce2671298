"""The pages by subject; a route's docstring is its description in OpenAPI."""
