"""Genesys Cloud by HTTP, and the in-house services that copied the tutorials. AWS is not known here."""
