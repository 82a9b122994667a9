"""The program `detach` as `python -m detach_core`."""

from detach_core.commands.main import main

if __name__ == "__main__":
    main()
