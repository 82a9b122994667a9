"""Run Snakemake again and again for the price of one import: a line of JSON in, a fork, a line of JSON out.

A request is {folder, arguments}; the answer {code, text}.
"""

import json
import os
import sys
import tempfile
import traceback

from snakemake.cli import main


def run(folder, arguments):
    """Exit code and output of `snakemake *arguments` in `folder`, in a child that dies with all that it loaded."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            code = in_child(folder, arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "text": output.read()}


def in_child(folder, arguments):
    """The exit code of one run."""
    os.chdir(folder)
    os.environ["PYTHONPATH"] = folder
    sys.path.insert(0, folder)
    sys.argv = ["snakemake", *arguments]
    try:
        main(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(run(request["folder"], request["arguments"])), flush=True)
