import sys
from typing import Any

import pytest

from detach_core.settings.base import Plugin, Registry
from detach_core.settings.shared import OptimizerSettings

OWN = """
from dataclasses import dataclass
from detach_core.settings.base import Settings

@dataclass(frozen=True)
class MineSettings(Settings):
    size: int = 3

class Mine:
    settings_type = MineSettings

class Bare:
    pass

class Wrong:
    settings_type = dict
"""


@pytest.fixture
def registry():
    return Registry("thing", {"pins": Plugin("detach_core", "shared", "settings.shared:OptimizerSettings")})


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of a user's own package, which is gone again afterwards."""
    (tmp_path / "my_things").mkdir()
    (tmp_path / "my_things" / "__init__.py").write_text("")
    (tmp_path / "my_things" / "mine.py").write_text(OWN)
    (tmp_path / "my_things" / "broken.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "my_things" / "torn.py").write_text("def")
    (tmp_path / "my_things" / "angry.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "my_things.mine"
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_things"]:
        del sys.modules[name]


def test_names_and_the_form_of_names(registry):
    assert list(registry) == ["pins"]
    assert "pins" in registry
    assert "a.b:C" in registry
    for strange in ("pin", "a:b:c", 3, None):
        assert strange not in registry


def test_a_plugin_of_this_package_is_imported_from_its_place(registry):
    assert registry.implementation("pins") is OptimizerSettings
    assert registry.modules("pins") == ["detach_core.settings", "detach_core.settings.shared"]


def test_settings_of_this_package_come_without_the_implementation():
    registry: Registry[Any] = Registry(
        "thing", {"gone": Plugin("detach_core.methods.primus", "PrimusSettings", "not_there:Gone")}
    )
    assert registry.settings("gone").__name__ == "PrimusSettings"
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        registry.implementation("gone")


def test_settings_may_stand_in_another_module_of_the_folder():
    plugin = Plugin("detach_core.reports.figures", "registry:PhaseSpaceSettings", "phase_space:PhaseSpace")
    registry: Registry[Any] = Registry("thing", {"space": plugin})
    assert registry.settings("space").__name__ == "PhaseSpaceSettings"
    folder = "detach_core.reports.figures"
    assert registry.modules("space") == [f"{folder}.registry", f"{folder}.phase_space"]


def test_a_class_of_one_s_own_package_is_found_with_its_settings(registry, own):
    assert registry.implementation(f"{own}:Mine").__name__ == "Mine"
    assert registry.settings(f"{own}:Mine")().size == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pin", r"^unknown thing 'pin'; known are pins, or `module:Class` of your own$"),
        (
            "no_such_module:Mine",
            r"^thing 'no_such_module:Mine' cannot be imported: ModuleNotFoundError: .*'no_such_module'$",
        ),
        ("my_things.mine:Yours", r"^thing 'my_things\.mine:Yours' cannot be imported: .*has no attribute 'Yours'"),
        (
            "my_things.broken:Mine",
            r"^thing 'my_things\.broken:Mine' cannot be imported: ModuleNotFoundError: .*'a_module_",
        ),
        ("my_things.torn:Mine", r"^thing 'my_things\.torn:Mine' cannot be imported: SyntaxError: "),
        ("my_things.angry:Mine", r"^thing 'my_things\.angry:Mine' cannot be imported: ZeroDivisionError: "),
        (":Mine", r"^unknown thing ':Mine'; known are pins"),
        ("my_things.mine:", r"^unknown thing 'my_things\.mine:'"),
        (".mine:Mine", r"^unknown thing '\.mine:Mine'"),
        ("my_things:mine:Mine", r"^unknown thing 'my_things:mine:Mine'"),
        ("", r"^unknown thing ''"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(registry, own, name, said):
    for ask in (registry.implementation, registry.settings):
        with pytest.raises(LookupError, match=said):
            ask(name)


@pytest.mark.parametrize("name", ["Bare", "Wrong"])
def test_a_class_without_settings_of_its_own_is_refused(registry, own, name):
    with pytest.raises(LookupError, match=rf"^thing '{own}:{name}' has no `settings_type`, a subclass of Settings$"):
        registry.settings(f"{own}:{name}")


def test_a_function_has_no_settings(registry):
    with pytest.raises(LookupError, match="has no `settings_type`"):
        registry.settings("os:getcwd")
