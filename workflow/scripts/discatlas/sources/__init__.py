"""Catalogue files of any supported format, turned into the standard columns (`catalogue.read_catalogue`)."""
