"""Errors, tile levels, argument checks, formulas and units: what every other folder builds on."""
