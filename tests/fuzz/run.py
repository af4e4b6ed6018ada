"""
Drive one target: ``python -m tests.fuzz.run TARGET SECONDS [FOLDER [SEED]]``, or see what one input
does: ``python -m tests.fuzz.run TARGET FILE``.

With a seed it makes always the same inputs, as many as the time allows and no more than MOST in a
second; without one always others.
It begins with the kept corpus. What leads to new lines of our code is kept in FOLDER for the next
run, in a cache outside the repository if none is named; an input that breaks a target is written
there, too.
"""

import ctypes
import os
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path.home() / ".cache" / "setpoint" / "fuzz"
LONGEST = 4096  # bytes of an input; all of these forms are told apart by their first lines
SLOWEST = 10  # seconds for one input; more is a fault of its own
MEMORY = 1024  # MiB
MOST = 2000  # inputs a second; so that a fast machine does not come to some that nobody saw
AGAIN = "SETPOINT_FUZZ_AGAIN"
FIXED_ADDRESSES = 0x0040000  # ADDR_NO_RANDOMIZE of personality(2)


def begin_again() -> None:
    """
    Start this process once more without what differs each time: addresses and the seed of hashes.

    Where a container does not allow the first the inputs differ, and no more than that.
    """
    if AGAIN not in os.environ:
        ctypes.CDLL(None).personality(FIXED_ADDRESSES)
        words = [sys.executable, "-m", "tests.fuzz.run", *sys.argv[1:]]
        os.execve(sys.executable, words, {**os.environ, AGAIN: "1", "PYTHONHASHSEED": "0"})


def fuzz(name: str, seconds: int, folder: Path, *, seed: int) -> None:
    import atheris

    folder.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["services", "shared"]):
        target = import_module(f"tests.fuzz.targets.{name}")
    limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}"]
    limits += [f"-runs={MOST * seconds}"] if seed else []
    limits += [f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={folder.parent}/{name}-"]
    arguments = [*limits, "-verbosity=0", "-print_final_stats=1", f"-seed={seed}"]
    kept = HERE / "corpus" / name
    atheris.Setup([sys.argv[0], *arguments, str(folder), str(kept)], target.one)
    atheris.Fuzz()


def main() -> None:
    name, what, *more = sys.argv[1:]
    if what.isdigit():
        folder = Path(more[0]) if more else CACHE / name
        if seed := int(more[1]) if len(more) > 1 else 0:
            begin_again()
        fuzz(name, int(what), folder, seed=seed)
    else:
        import_module(f"tests.fuzz.targets.{name}").one(Path(what).read_bytes())


if __name__ == "__main__":
    main()
