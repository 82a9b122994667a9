"""Raw recordings of a home -> DETACH and its baselines -> tables. Start with ./run; `snakemake --list` names the rules."""

import os
import sys
import time

from detach_core.config.load import ConfigError, load_config
from detach_core.config.document import canonical
from detach_core.config.yaml_file import in_order_of, read_default
from detach_core.workflow import session, slurm
from detach_core.workflow.code_digest import CodeDigest
from detach_core.workflow.artifacts import RawFiles
from detach_core.workflow.slurm import more_each_attempt
from detach_core.workflow.stages import workflow_stages

STARTED_S = time.time()
# Relative, so that a job is the same job in another clone beside the same results.
HOME = os.path.relpath(workflow.basedir)
session.refuse_place(workflow.basedir)


# Found with --directory too; later files lie over earlier ones, and those of --configfile over both.
configfile: f"{workflow.basedir}/config/results.yaml"
configfile: f"{workflow.basedir}/config.yaml"


try:
    # Refuses a key that stands twice, which Snakemake would forget.
    layers = read_default(*workflow.configfiles, checkout=workflow.basedir)
    CONFIG = load_config(in_order_of(config, layers))
except ConfigError as error:
    session.refuse(f"the configuration is refused:\n{error}")
CODE = CodeDigest(workflow.basedir, ".snakemake/code_digests.json")
RAW_FILES = RawFiles(CONFIG)
STAGES = workflow_stages(
    CONFIG,
    RAW_FILES,
    whole_settings=canonical(config),
    home=HOME,
    snakefile=os.path.relpath(workflow.main_snakefile),
)
THREADS, DEVICES, GPUS = CONFIG.document.threads, CONFIG.document.devices, slurm.gpus_of(CONFIG.document.device)
if plugin := sys.modules.get("snakemake_executor_plugin_slurm"):  # loaded wherever it is installed
    slurm.keep_unsettled_jobs(plugin.Executor)
if workflow.is_main_process:
    session.refuse_missing_files(RAW_FILES)


wildcard_constraints:
    dataset="|".join(CONFIG.document.datasets),
    shard=r"[\w-]+",  # its first recording's name
    recording=r"[\w-]+",
    split="|".join(CONFIG.document.splits),
    spatial="|".join(CONFIG.spatials),
    variant="|".join(CONFIG.runs).replace("+", r"\+"),  # a candidate of the search is its variant's name and +n
    seed=r"\d+",
    table="|".join(CONFIG.document.tables),
    figure="|".join(CONFIG.document.figures),
    training=r".+/seed\d+",  # the folder of a training below results/


include: "rules/acquire.smk"
include: "rules/prepare.smk"
include: "rules/pretrain.smk"
include: "rules/evaluate.smk"
include: "rules/analyze.smk"
include: "rules/report.smk"
include: "rules/evidence.smk"


localrules:
    all,


rule all:
    """Every configured table and figure, and the lists behind the tables of methods."""
    default_target: True
    input:
        expand("results/{table}.csv", table=CONFIG.document.tables),
        expand("results/lists/{table}/predictions.parquet", table=filter(CONFIG.rows, CONFIG.document.tables)),
        expand("results/figures/{figure}.csv", figure=CONFIG.document.figures),


onsuccess:
    for line in session.closing_lines(CONFIG, STARTED_S):
        print(line)
