"""Snakemake's script of every rule: the stage of the rule's name."""

from detach_core.workflow.stage import run_stage

run_stage(snakemake)
