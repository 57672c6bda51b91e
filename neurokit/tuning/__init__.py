"""Tuning: the search for the settings with which a decoder scores best."""
