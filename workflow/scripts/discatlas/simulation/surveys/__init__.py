"""The surveys: what Gaia RVS, APOGEE, LAMOST and SDSS-V would deliver for a table of particles.

One module for each survey (``Settings`` and ``observe``), and what they share: the sky and the magnitudes (`stars`),
dust (`extinction`), Gaia's astrometry (`astrometry`) and the distances from it (`distances`), `footprints`, `spectra`,
`binaries`, `truth`. Tables are in the surveys' own column names and units; nothing below the catalogues knows them.
"""
