"""Coverage-guided fuzzing of one text parser by atheris: `coverage_guided.py TARGET FOLDER [libFuzzer's options]`.

Any input must give a result or a clear refusal that names the file; anything else ends the run, which shows the input.
"""

import sys
from pathlib import Path
from typing import Any

import atheris

from tests.fixtures.native_files import HWU_HEADER
from tests.hostile import cases_native

with atheris.instrument_imports(include=["detach_core"]):
    from detach_core.config.errors import ConfigError
    from detach_core.config.yaml_file import read_yaml
    from detach_core.contracts.history import read_history
    from detach_core.contracts.split import read_split
    from detach_core.datasets.clock_text import ClockText
    from detach_core.datasets.opportunity.text import track_intervals
    from detach_core.datasets.registry import build_adapter
    from detach_core.datasets.text_file import read_number_blocks
    from detach_core.foundation.errors import UserError

HERE = Path(__file__).parent
HWU_LINES = [f"{1000 + k / 50:.3f},0,0,0,{'OPEN' if k > 4 else 'CLOSED'},ON,OFF,0,0,0,0,12.5" for k in range(4)]


def hwu(folder):
    """A reader of the only sequence's sensors, in a home whose other files are sound."""
    home = cases_native.hwu(folder)
    adapter = build_adapter("hwu_usp", home.native, classes=["tea", "dishes"])
    return home.sensor_path(), lambda path: adapter.read_recording(home.root, "tea_s01")


def stamps(path):
    """Stamps, one on a line."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    clock = ClockText(path, None, first_line=1, column="timestamp")
    clock.append(lines)
    return clock.seconds(expected_hz=50)


def numbers(path):
    """A table of three columns, of which two are kept."""
    return list(read_number_blocks(path, num_columns=3, columns=[1, 3]))


# Target -> a file's name and what reads it, or what makes them in a folder; and texts to start from.
TARGETS: dict[str, Any] = {
    "number_table": (("S1.dat", numbers), ["0 1 2\n33 NaN -1.5e3\n66 inf 1\n"]),
    "srt": (("track.srt", track_intervals), ["1\n00:00:01,000 --> 00:00:02,500\n406520 - Open Fridge\n\n2\n"]),
    "hwu": (hwu, ["\n".join([HWU_HEADER, *HWU_LINES])]),
    "stamps": (("clock.csv", stamps), ["2020-01-31 12:00:00.020\n2020-01-31 12:00:00.040\n", "1.5\n1e3\n"]),
    "yaml": (("mine.yaml", read_yaml), ["a: &x {k: 1, l: [1, 2.5, true]}\nb: *x\nc: |\n  text\n"]),
    "split": (("split.json", read_split), ['{"schema": "detach.split/1", "parts": {"pretrain": [1]}}']),
    "history": (("history.jsonl", read_history), ['{"schema": "detach.history/2"}\n{"epoch": 0}\n']),
}


def main(target, folder, options):
    folder = Path(folder)
    make, texts = TARGETS[target]
    path, read = make(folder) if callable(make) else (folder / make[0], make[1])
    corpus = folder / "corpus"
    corpus.mkdir()
    for place, text in enumerate(texts):
        (corpus / str(place)).write_text(text, encoding="utf-8")

    def try_input(data):
        path.write_bytes(data)
        try:
            read(path)
        except (UserError, ConfigError) as error:
            message = str(error)
            assert path.name in message, message
            assert message.isprintable(), ascii(message)
            assert len(message) < 2000, message

    atheris.Setup([sys.argv[0], *options, str(corpus)], try_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
