"""
Drive one target: ``python -m tests.fuzz.run TARGET SECONDS [FOLDER [SEED]]``, or see what one input
does: ``python -m tests.fuzz.run TARGET FILE``.

With a seed it makes always the same inputs, as many as the time allows; without one always others.
It begins with the kept corpus. What leads to new lines of our code is kept in FOLDER for the next
run, in a cache outside the repository if none is named; an input that breaks a target is written
there, too.
"""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path.home() / ".cache" / "setpoint" / "fuzz"
LONGEST = 4096  # bytes of an input; all of these forms are told apart by their first lines
SLOWEST = 10  # seconds for one input; more is a fault of its own
MEMORY = 1024  # MiB


def fuzz(name: str, seconds: int, folder: Path, *, seed: int) -> None:
    import atheris

    folder.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["services", "shared"]):
        target = import_module(f"tests.fuzz.targets.{name}")
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}"]
    limits += [f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={folder.parent}/{name}-"]
    arguments = [*limits, "-verbosity=0", "-print_final_stats=1", f"-seed={seed}"]
    kept = HERE / "corpus" / name
    atheris.Setup([sys.argv[0], *arguments, str(folder), str(kept)], target.one)
    atheris.Fuzz()


def main() -> None:
    name, what, *more = sys.argv[1:]
    if what.isdigit():
        folder = Path(more[0]) if more else CACHE / name
        fuzz(name, int(what), folder, seed=int(more[1]) if len(more) > 1 else 0)
    else:
        import_module(f"tests.fuzz.targets.{name}").one(Path(what).read_bytes())


if __name__ == "__main__":
    main()
