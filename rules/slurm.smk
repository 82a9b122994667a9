"""What a cluster needs of the workflow: jobs that ask for more when sent again, and patience with Slurm."""

import sys
from functools import wraps


def more_each_attempt(amount):
    """A resource function: `amount` at the first attempt, twice as much at each new one. Only a cluster retries (profiles/slurm)."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def keep_unsettled_jobs(executor):
    """Make a class of remote executors ask again after jobs of which it neither reported an end nor said that they go on.

    snakemake-executor-plugin-slurm 2.8.0 forgets all its jobs where no attempt at a status query succeeds, as while the controller
    is down: Snakemake then waits for them for ever and submits nothing more. Harmless once the plugin keeps them itself.
    """
    if hasattr(executor, "settled"):
        return
    executor.settled = set()
    check_active_jobs = executor.check_active_jobs

    def noting(report):
        @wraps(report)
        def noted(self, job_info, *args, **kwargs):
            self.settled.add(job_info.external_jobid)
            return report(self, job_info, *args, **kwargs)

        return noted

    @wraps(check_active_jobs)
    async def checked(self, active_jobs):
        going_on = set()
        async for job_info in check_active_jobs(self, active_jobs):
            going_on.add(job_info.external_jobid)
            yield job_info
        for job_info in active_jobs:
            if job_info.external_jobid not in going_on | self.settled:
                yield job_info

    executor.check_active_jobs = checked
    executor.report_job_success = noting(executor.report_job_success)
    executor.report_job_error = noting(executor.report_job_error)


if plugin := sys.modules.get("snakemake_executor_plugin_slurm"):  # loaded wherever it is installed
    keep_unsettled_jobs(plugin.Executor)
