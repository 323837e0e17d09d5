"""The page and the endpoint that a model answers on."""
