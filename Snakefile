"""Raw recordings of a home -> DETACH, baselines and controls -> tables. Start with ./run; `snakemake --list` names the rules."""

from detach_core.config.errors import refuse, refuse_place
from detach_core.config.load import ConfigError, load_config
from detach_core.config.code_digest import CodeDigest
from detach_core.config.yaml_file import read_layers

refuse_place(workflow.basedir)


configfile: f"{workflow.basedir}/config.yaml"  # also found with --directory


try:
    read_layers(workflow.configfiles)  # refuses a key that stands twice, which Snakemake would forget
    CONFIG = load_config(config)
except ConfigError as error:
    refuse(f"the configuration is refused:\n{error}")
CODE = CodeDigest(workflow.basedir, ".snakemake/code_digests.json")


wildcard_constraints:
    dataset="|".join(CONFIG.document.datasets),
    shard=r"[\w-]+",  # its first recording's name
    split="|".join(CONFIG.document.splits),
    spatial="|".join(CONFIG.spatials),
    variant="|".join(CONFIG.runs).replace("+", r"\+"),  # a candidate of the search is its variant's name and +n
    seed=r"\d+",
    table="|".join(CONFIG.document.tables),
    figure="|".join(CONFIG.document.figures),


include: "rules/common.smk"
include: "rules/acquire.smk"
include: "rules/prepare.smk"
include: "rules/pretrain.smk"
include: "rules/evaluate.smk"
include: "rules/drawings.smk"
include: "rules/analyze.smk"
include: "rules/report.smk"
include: "rules/evidence_files.smk"
include: "rules/evidence.smk"
include: "rules/session.smk"


localrules:
    all,


rule all:
    """Every configured table and figure."""
    default_target: True
    input:
        expand("results/{table}.csv", table=CONFIG.document.tables),
        expand("results/figures/{figure}.csv", figure=CONFIG.document.figures),


onsuccess:
    for line in closing_lines():
        print(line)
