from tests.fixtures.recognizers import run, run_folder
from tests.fixtures.toy_home import home, one_thread, sequence_home, split, toy, windows

__all__ = ["home", "one_thread", "run", "run_folder", "sequence_home", "split", "toy", "windows"]  # fixtures
