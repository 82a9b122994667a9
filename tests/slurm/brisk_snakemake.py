"""Snakemake that asks after its Slurm jobs every two seconds; the plugin's growing pauses would cost minutes here."""

import asyncio
import sys

import snakemake_executor_plugin_slurm
from snakemake.cli import main


async def pause(executor):
    await asyncio.sleep(2)


snakemake_executor_plugin_slurm.Executor.sleep = pause
sys.exit(main())
