"""Whether the memory of `pipeline crawl` grows with the listing, and what a refresh costs after it."""

import re
import shutil
from pathlib import Path

from .board import Board, has_option, settings_with
from .measure import Failure, last_words, machine, run

# Posts of the short listing, and of one between.
FEW = 1000
MORE = 100_000
# Pictures that all posts share: they are not what is measured.
DRAWN = 20
# Seconds: a million posts are ten thousand pages, and others may use the machine.
TIMEOUT = 18_000
# Memory of the long listing over the short one that still counts as flat.
FLAT = 1.25


def measure(options, programs: Path, folder: Path):
    """Lists few and many posts, and refreshes each catalog."""
    binary = programs / "testbooru"
    if not has_option(binary, "--posts"):
        raise Failure("this build of testbooru cannot list posts in bulk (`serve --posts N`): use a later one")
    print(machine())
    peaks = {}
    for posts in sorted({FEW, min(MORE, options.posts), options.posts}):
        place = folder / f"listed-{posts}"
        place.mkdir()
        with Board(binary, folder / "board.log", ["--posts", posts, "--count", DRAWN, "--plain"]) as local:
            cost, listed = crawl(programs, local, place, overlap=30)
            if listed != posts:
                raise Failure(f"{listed:,} of {posts:,} posts were listed: the figures would mean nothing")
            peaks[posts] = cost.memory
            print(f"{posts:>9,} posts listed in {cost.wall:.1f} s ({cost.processor:.1f} s of processor time), "
                  f"peak {cost.memory / 1e6:.1f} MB", flush=True)
            refresh(programs, local, place)
        shutil.rmtree(place)
    ratio = peaks[options.posts] / peaks[FEW]
    print(f"memory of {options.posts:,} posts over {FEW:,}: {ratio:.2f} ({'flat' if ratio <= FLAT else 'NOT flat'})")


def refresh(programs: Path, local, place: Path):
    """The same crawl again: nothing is new, but the window of recent posts is read once more."""
    for overlap in (30, 0):
        before = local.processor()
        cost, listed = crawl(programs, local, place, overlap)
        served = local.processor() - before
        print(f"          refresh with a window of {overlap} days ({listed:,} posts read again): {cost.wall:.2f} s, "
              f"of which {cost.processor:.2f} s processor time here and {served:.2f} s the board's", flush=True)


def crawl(programs: Path, local, place: Path, overlap: int) -> tuple:
    """Lists, and fetches nothing; says what it took and how many posts were listed."""
    values = {"loopback_interval": 0.0, "overlap_days": overlap}
    command = [programs / "pipeline", "--config", settings_with(place, values), "--data", place / "data"]
    command += ["crawl", "konachan", "--root", local.root, "--rating", "any", "--list-only"]
    log = place / "crawl.log"
    cost = run(command, log, TIMEOUT)
    found = re.search(r"(?m)^ *posts listed +([0-9]+)$", log.read_text())
    if not found:
        raise Failure(f"the crawl does not say how many posts it listed; its last words:\n{last_words(log)}")
    return cost, int(found[1])
