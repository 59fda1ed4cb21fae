"""The program: `holdfast`, and `python -m holdfast`. Compiled modules are looked for before anything else is loaded."""

from holdfast import compiled

compiled.use()

from holdfast.cli.main import main  # noqa: E402 - what it loads may be compiled

__all__ = ["main"]

if __name__ == "__main__":
    main()
