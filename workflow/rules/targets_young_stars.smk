"""What epochs, matches, ages, comparisons and pages add to the lists of targets.

INPUTS   config
OUTPUTS  more of TABLES, FITS and FIGURES
"""

AGES, CLASSES, TOOMRE = (
    [sample for sample in SAMPLES if entry_of(section, sample)]
    for section in ("ages", "spectral_classes", "toomre_diagrams")
)
CLUSTERS = made_for("cluster_ages")
KNOWN_TABLES = {("sample", sample) for sample in SAMPLES} | {
    ("catalogue", config["samples"][sample]["catalogue"]) for sample in SAMPLES
}
OVERLAPS = [
    name
    for name, spec in config["overlap_tables"].items()
    if {(entry["of"], entry["name"]) for entry in spec["rows"] + spec["columns"]} <= KNOWN_TABLES
]
COMPARED = made_for("column_comparisons")
BINARIES = made_for("binaries")
PAGES_OF_MAPS = [
    name
    for name, spec in config["population_pages"].items()
    if spec["panels"] and all(panel["sample"] in SAMPLES for panel in spec["panels"])
]
TABLES += [
    f"results/catalogues/matches/overlaps_{name}.{kind}" for name in OVERLAPS for kind in ("parquet", "csv", "tex")
] + [f"results/samples/spectral_classes_{sample}.{kind}" for sample in CLASSES for kind in ("csv", "tex")]
TABLES += [f"results/fits/{sample}/cluster_ages_{name}.{kind}" for sample, name in CLUSTERS for kind in ("csv", "tex")]
FITS += [f"results/phase_space/ages/{sample}.parquet" for sample in AGES] + [
    f"results/fits/{sample}/{kind}_{name}.parquet"
    for kind, pairs in (("columns", COMPARED), ("binaries", BINARIES), ("cluster_ages", CLUSTERS))
    for sample, name in pairs
]
FIGURES += [
    f"results/figures/{plot}.{kind}"
    for plot in [f"{sample}/ages" for sample in AGES]
    + [f"{sample}/column_comparison_{name}" for sample, name in COMPARED]
    + [f"{sample}/binaries_{name}" for sample, name in BINARIES]
    + [f"{sample}/cluster_ages_{name}" for sample, name in CLUSTERS]
    + [f"{sample}/kiel_diagram" for sample in CLASSES]
    + [f"{sample}/toomre_diagram" for sample in TOOMRE]
    + [f"pages/population_page_{name}" for name in PAGES_OF_MAPS]
    for kind in ("pdf", "png")
]
