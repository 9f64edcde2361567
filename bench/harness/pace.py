"""Whether `pipeline crawl` asks exactly as often as it is told to."""

import shutil
from pathlib import Path

from . import clients
from .board import Board, gather
from .measure import Failure, run

# Requests a second that the crawl is allowed, and pictures fetched at that rate.
RATE = 20.0
PICTURES = 300
# Share by which the rate may be missed.
TOLERANCE = 0.02


def measure(options, programs: Path, folder: Path, timeout: float):
    """Crawls at a configured rate and prints the rate that came of it."""
    pictures = folder / "few"
    gather(options.pictures, PICTURES, pictures)
    count = sum(path.suffix != ".csv" for path in pictures.iterdir())
    place = folder / "paced"
    place.mkdir()
    with Board(programs / "testbooru", folder / "board.log", ["--pictures", pictures, "--plain"]) as local:
        job = clients.pipeline(programs, local.root, [], place, interval=1 / RATE)
        cost = run(job.command, folder / "paced.log", timeout)
    stored, _ = clients.stored(job, place)
    if stored != count:
        raise Failure(f"the paced crawl stored {stored} of {count} pictures")
    held = clients.arrival_rate(job, place)
    off = held / RATE - 1
    verdict = "held" if abs(off) <= TOLERANCE else f"NOT held within {TOLERANCE:.0%}"
    print(f"\npace: {RATE:.0f} requests/s configured, {held:.2f} pictures/s arrived ({off:+.2%}): {verdict}; "
          f"{count} pictures in {cost.wall:.1f} s, start and listing included", flush=True)
    shutil.rmtree(place)
