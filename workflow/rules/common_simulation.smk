"""What the rules of simulated galaxies and surveys look up in the config.

INPUTS   config
OUTPUTS  none
"""


def galaxy_model(wildcards):
    """Return the config entry of a galaxy but its dust, which only surveys see."""
    return {key: value for key, value in config["galaxies"][wildcards.galaxy].items() if key != "extinction"}


def bar_of(wildcards):
    """Return the config entry of a galaxy's bar, or None."""
    return config["bars"].get(config["galaxies"][wildcards.galaxy].get("bar"))


def spirals_of(wildcards):
    """Return the config entries of the spirals that a galaxy with orbits names; the others hold theirs themselves."""
    galaxy = config["galaxies"][wildcards.galaxy]
    return [config["spirals"][name] for name in galaxy["spirals"]] if galaxy["kind"] == "orbits" else []


def potential_tables(wildcards):
    """Return the tables of the potential of a galaxy that has one."""
    potential = config["galaxies"][wildcards.galaxy].get("potential")
    kinds = ("plane", "grid") if potential else ()
    return {kind: f"results/galaxies/potential_{kind}_{potential}.parquet" for kind in kinds}


def surveyed_galaxy(wildcards):
    """Return the galaxy that a simulated catalogue is a survey of."""
    return f"results/galaxies/galaxy_{of_catalogue('galaxy')(wildcards)}.parquet"


def of_survey(wildcards):
    """Return the config entry of the survey of a simulated catalogue."""
    return config["surveys"][of_catalogue("survey")(wildcards)]


def plane_table(wildcards):
    """Return the table of the potential in the plane, for the circular velocity of a galaxy that has one."""
    return potential_tables(wildcards).get("plane", [])
