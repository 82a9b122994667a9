"""Configurations: YAML as an attacker or a slip of the pen writes it, then values that are no setting of ours."""

from __future__ import annotations

import copy
import re

import yaml

from detach_core.config.load import load_config
from detach_core.config.yaml_file import read_default, read_yaml

DEFAULT = read_default()


def load(folder):
    return load_config(read_yaml(folder / "mine.yaml"))


def case(name, text, *, refused=None, handled=None, call=load):
    def build(folder):
        content = text() if callable(text) else text
        (folder / "mine.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())

    return {
        "name": f"config: {name}",
        "group": "config",
        "build": build,
        "call": call,
        "reads": ("read_yaml",),
        "refused": refused,
        "handled": handled,
    }


def syntax(name, text, refused):
    return case(f"yaml: {name}", text, refused=rf"mine\.yaml: {refused}")


def value(name, path, found, refused):
    """The default configuration with one value changed; the key's path is what the message begins with."""

    def text():
        data = copy.deepcopy(DEFAULT)
        node, (*parents, last) = data, path.split(".")
        for part in parents:
            node = node[part]
        node[last] = found
        return yaml.safe_dump(data, allow_unicode=False)

    return case(name, text, refused=f"^{re.escape(path)}.*{refused}")


def laughs(levels=10, width=10):
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{k}: &a{k} [{', '.join(width * [f'*a{k - 1}'])}]" for k in range(1, levels)]
    return "\n".join(lines) + "\n"


def chain():
    """Aliases that nest a thousand levels, each line only two deep."""
    return "a0: &a0 [1]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}]\n" for k in range(1, 1000))


def renamed(section, old, new):
    def text():
        data = copy.deepcopy(DEFAULT)
        data[section][new] = data[section].pop(old)
        return yaml.safe_dump(data)

    return text


def shared_anchor(folder, data):
    assert data == {"a": {"k": 1}, "b": {"k": 1}}


HUGE = 10**400
OPPORTUNITY = "datasets.opportunity"
SYNTAX = [
    case("yaml: empty", "", refused="seeds: missing"),
    syntax("a list", "- 1\n", "must hold keys and values, got list"),
    syntax("a bracket that never ends", "a: [1\n", "line [0-9]+: "),
    syntax("a key twice", "a:\n  b: 1\n  b: 2\n", "line 3: the key `b` is repeated"),
    syntax("a billion laughs", laughs(), "line [0-9]+: its aliases expand to more than"),
    syntax("a billion levels", chain(), "line [0-9]+: its aliases expand to more than"),
    syntax("a section that holds itself", "a: &x {b: *x}\n", "line 1: its aliases expand to more than"),
    syntax("a merge key", "a: &x {k: 1}\nb:\n  <<: *x\n", "line 3: could not determine a constructor"),
    syntax("an alias of nothing", "a: *x\n", "line 1: found undefined alias"),
    syntax(
        "code of Python",
        "a: !!python/object/apply:os.system ['touch code_has_run']\n",
        "line 1: could not determine a constructor",
    ),
    syntax("a module of Python", "a: !!python/module:os\n", "line 1: could not determine a constructor"),
    syntax("nested a hundred thousand levels", "a: " + "[" * 100_000, "line 1: nested more than 50 levels"),
    syntax("a list for a key", "? [a, b]\n: 1\n", "line 1: the key is a list or a section"),
    syntax("a section for a key", "{a: 1}: 2\n", "line 1: the key is a list or a section"),
    syntax("a zero byte", b"a: 1\nb: \0\n", "line 2: must be text, got the character 0x00"),
    syntax("Latin-1", "a: 1\nb: Tür\n".encode("latin-1"), "line 2: must be UTF-8 text, got the byte 0xfc"),
    syntax("a number of five thousand digits", f"a: 1\nb: {'9' * 5000}\n", "line 2: '9999"),
    syntax("a date that is none", "a: 1\nb: 2026-13-45\n", "line 2: '2026-13-45' cannot be read"),
    syntax("a tag that does not fit", "a: 1\nb: !!int x\n", "line 2: 'x' cannot be read"),
    syntax("a truth that is none", "b: !!bool maybe\n", "line 1: 'maybe' cannot be read"),
    syntax("two documents", "a: 1\n---\nb: 2\n", "line 2: but found another document"),
    syntax("two megabytes", "#" * 2_000_000, "must have at most 1000000 bytes"),
    case(
        "yaml: an anchor",
        "a: &x {k: 1}\nb: *x\n",
        handled=shared_anchor,
        call=lambda folder: read_yaml(folder / "mine.yaml"),
    ),
]
VALUES = [
    value("NaN", f"{OPPORTUNITY}.window.length_s", float("nan"), "must be a finite number, got nan"),
    value("infinity", f"{OPPORTUNITY}.flow.max_px", float("inf"), "must be (a finite number|<= 1024), got inf"),
    value("minus infinity", "optimizer.lr", float("-inf"), "got -inf"),
    value("a number beyond float64", f"{OPPORTUNITY}.native.sensor_hz", HUGE, "got 1000"),
    value("a whole number beyond all", "threads", 10**100, "must be (<= 256|a whole number)"),
    value("below zero", f"{OPPORTUNITY}.video.length_tolerance_s", -1.0, "must be >= 0, got -1.0"),
    value("a number that is text", f"{OPPORTUNITY}.native.sensor_hz", "30", "must be a number, got '30'"),
    value("true for a number", "threads", True, "must be a whole number, got True"),
    value("a picture larger than any", f"{OPPORTUNITY}.video.image_px", [10**9, 10**9], "must be <= 1024"),
    value("seeds without end", "seeds", list(range(2**31, 2**31 + 3)), "must be < "),
    value(
        "nothing where a section is", f"{OPPORTUNITY}.native", None, "must be a section of keys and values, got None"
    ),
    value("a text of a million letters", "device", "x" * 900_000, r"got 'x{50,130}\.\.\.$"),
    value(
        "a subject that leads outside",
        f"{OPPORTUNITY}.subjects",
        ["../../etc"],
        "must be a name of letters, digits, _ and -, got '../../etc'",
    ),
    value("a subject with a slash", f"{OPPORTUNITY}.subjects", ["S1/S2"], "must be a name of letters"),
    value(
        "a subject with a zero byte", f"{OPPORTUNITY}.subjects", ["S1\0"], r"must be a name of letters.*got 'S1\\x00'"
    ),
    value("a subject that is an option", f"{OPPORTUNITY}.subjects", ["--help"], "must be a name of letters"),
    value(
        "a subject with a line break", f"{OPPORTUNITY}.subjects", ["S1\n"], r"must be a name of letters.*got 'S1\\n'"
    ),
    value("a path for a weight file", "video.init", "/etc/passwd", "must be scratch or a file that ends in"),
    value("a weight file with a zero byte", "video.init", "a\0.pt", "must be scratch or a file"),
    value(
        "an address of another kind",
        f"{OPPORTUNITY}.download.files",
        [{"url": "file:///etc/passwd", "path": "a", "sha256": None, "unpack": False}],
        r"url: .*got 'file:///etc/passwd'",
    ),
    value("a function for a method", "variants.detach", {"method": "os:system"}, "'os:system' has no `settings_type`"),
    value("an adapter of one's own", f"{OPPORTUNITY}.adapter", "os:system", "'os:system' has no `settings_type`"),
    value("an unknown key", f"{OPPORTUNITY}.windows", {}, "unknown key, did you mean `window`"),
    case(
        "a variant that leads outside",
        renamed("variants", "detach", "../detach"),
        refused=r"variants\.\.\./detach.*must be a name of letters",
    ),
    case(
        "a table that leads outside",
        renamed("tables", "table1", "../../table1"),
        refused=r"tables\..*must be a name of letters",
    ),
    case(
        "a name with a line break",
        renamed("tables", "table1", "table1\nx"),
        refused=r"tables\.table1\\nx.*must be a name of letters",
    ),
    case("a name that is a number", renamed("splits", "default", 7), refused=r"splits.*must be a text, got 7"),
]
CASES = SYNTAX + VALUES
