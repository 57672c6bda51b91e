"""Archives: public data, and where to get them."""
