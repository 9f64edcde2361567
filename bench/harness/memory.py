"""Whether the memory of `pipeline crawl` grows with the listing, and what a refresh costs after it."""

import shutil
from pathlib import Path

from .board import Board, has_option, settings_with
from .measure import Failure, machine, run

# Posts of the short listing.
FEW = 1000
# Pictures that all posts share: they are not what is measured.
DRAWN = 20
# Seconds: a million posts are ten thousand pages.
TIMEOUT = 3600
# Memory of the long listing over the short one that still counts as flat.
FLAT = 1.25


def measure(options, programs: Path, folder: Path):
    """Lists few and many posts, fetching one picture, and refreshes the larger catalog."""
    binary = programs / "testbooru"
    if not has_option(binary, "--posts"):
        raise Failure("this build of testbooru cannot list posts in bulk (`serve --posts N`): use a later one")
    print(machine())
    peaks = {}
    for posts in (FEW, options.posts):
        place = folder / f"listed-{posts}"
        place.mkdir()
        with Board(binary, folder / "board.log", ["--posts", posts, "--count", DRAWN, "--plain"]) as local:
            cost = crawl(programs, local, place, overlap=30)
            peaks[posts] = cost.memory
            print(f"{posts:>9,} posts listed in {cost.wall:.1f} s ({cost.processor:.1f} s of processor time), "
                  f"peak {cost.memory / 1e6:.1f} MB", flush=True)
            if posts == options.posts:
                refresh(programs, local, place)
        shutil.rmtree(place)
    ratio = peaks[options.posts] / peaks[FEW]
    print(f"memory of {options.posts:,} posts over {FEW:,}: {ratio:.2f} ({'flat' if ratio <= FLAT else 'NOT flat'})")


def refresh(programs: Path, local, place: Path):
    """The same crawl again: nothing is new. Without a window it is one or two requests."""
    for overlap in (30, 0):
        before = local.processor()
        cost = crawl(programs, local, place, overlap)
        served = local.processor() - before
        print(f"          refresh that finds nothing new, window of {overlap} days: {cost.wall:.2f} s, of which "
              f"{cost.processor:.2f} s processor time here and {served:.2f} s the board's", flush=True)


def crawl(programs: Path, local, place: Path, overlap: int):
    """One picture at most is fetched: the rest of the work is the listing."""
    values = {"loopback_interval": 0.0, "overlap_days": overlap}
    command = [programs / "pipeline", "--config", settings_with(place, values), "--data", place / "data"]
    command += ["crawl", "konachan", "--root", local.root, "--rating", "any", "--limit", "1"]
    return run(command, place / "crawl.log", TIMEOUT)
