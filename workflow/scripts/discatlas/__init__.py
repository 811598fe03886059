"""discatlas: the library behind the workflow; pure functions on arrays and tables."""
