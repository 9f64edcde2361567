"""The programs that are compared: how each is called, and how what it stored is counted."""

import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .board import settings_with
from .measure import Failure

# Requests under way at once, for all that can have several.
CONNECTIONS = 32
# Processes of img2dataset, its threads shared between them as it pleases.
PROCESSES = 2
PEERS = ["gallery-dl", "img2dataset"]
NAMES = ["pipeline", *PEERS, "curl"]


@dataclass
class Job:
    """One run of one client: all pictures of a board into an empty folder."""

    command: list
    # Where its pictures are afterwards, as a pattern below its folder.
    stored: str
    environment: dict


def venv() -> Path:
    """Where the peers are installed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "anime-heads/bench-venv"


def install_peers():
    """Installs the peers from PyPI where they are missing, into a folder of their own."""
    place = venv()
    if all((place / "bin" / peer).exists() for peer in PEERS):
        return
    print(f"installing {' and '.join(PEERS)} into {place} (once, about 800 MB)", file=sys.stderr)
    steps = [
        [sys.executable, "-m", "venv", place],
        [place / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *PEERS],
    ]
    for step in steps:
        if subprocess.run(step).returncode:
            raise Failure("the peers cannot be installed: see above, or leave them out with --clients pipeline,curl")


def version(name: str, programs: Path) -> str:
    """A client's name and version."""
    if name in PEERS:
        ask = [venv() / "bin/python", "-c", f"import importlib.metadata as m; print('{name}', m.version('{name}'))"]
    elif name == "curl":
        ask = ["curl", "--version"]
    else:
        ask = [programs / name, "--version"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(f"{name} cannot be run ({error}): install it, or leave it out with --clients") from error
    return " ".join(answer.stdout.split()[:2])


def job(name: str, programs: Path, root: str, urls: list, folder: Path) -> Job:
    """What to run so that a client stores all pictures of a board below `folder`."""
    makers = {"pipeline": pipeline, "gallery-dl": gallery_dl, "img2dataset": img2dataset, "curl": curl}
    return makers[name](programs, root, urls, folder)


def pipeline(programs: Path, root: str, _urls: list, folder: Path, interval=0, limit=None) -> Job:
    values = {"connections": CONNECTIONS, "loopback_interval": float(interval)}
    settings = settings_with(folder, values)
    command = [programs / "pipeline", "--config", settings, "--data", folder / "data"]
    command += ["crawl", "konachan", "--root", root, "--rating", "any"]
    command += ["--limit", str(limit)] if limit else []
    return Job(command, "data/store/images/**/*.*", {})


def gallery_dl(_programs: Path, root: str, _urls: list, folder: Path) -> Job:
    command = [venv() / "bin/gallery-dl", "--config-ignore", "--option", "sleep=0", "--option", "sleep-request=0"]
    command += ["--directory", folder / "files", f"moebooru:{root}/post?tags="]
    return Job(command, "files/*.*", {})


def img2dataset(_programs: Path, _root: str, urls: list, folder: Path) -> Job:
    listed = folder / "urls.txt"
    listed.write_text("".join(url + "\n" for url in urls))
    flags = {
        "url_list": listed,
        "output_folder": folder / "files",
        "output_format": "files",
        "processes_count": PROCESSES,
        "thread_count": CONNECTIONS,
        # As many shards as processes: one alone would leave the second process idle.
        "number_sample_per_shard": math.ceil(len(urls) / PROCESSES),
        "resize_mode": "no",
        # Bytes as they came, neither decoded nor encoded: its quickest way, and what all others do.
        "disable_all_reencoding": True,
        "retries": 0,
    }
    command = [venv() / "bin/img2dataset", *(f"--{key}={value}" for key, value in flags.items())]
    # A dependency asks PyPI for news of itself at each start; that is no part of the job.
    return Job(command, "files/*/*.jpg", {"NO_ALBUMENTATIONS_UPDATE": "1"})


def curl(_programs: Path, _root: str, urls: list, folder: Path) -> Job:
    wanted = folder / "urls.curl"
    wanted.write_text("".join(f'url = "{url}"\noutput = "files/{number}.jpg"\n' for number, url in enumerate(urls)))
    command = ["curl", "--silent", "--show-error", "--fail", "--create-dirs", "--parallel", "--parallel-max"]
    command += [str(CONNECTIONS), "--config", wanted, "--output-dir", folder]
    return Job(command, "files/*.jpg", {})


def stored(job: Job, folder: Path) -> tuple:
    """Files a client stored, and their bytes together."""
    files = [path for path in folder.glob(job.stored) if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def arrival_rate(job: Job, folder: Path) -> float:
    """Files a second from the first one's arrival to the last one's: one interval fewer than files."""
    times = [path.stat().st_mtime for path in folder.glob(job.stored)]
    return (len(times) - 1) / (max(times) - min(times))


def flags(job: Job, folder: Path) -> str:
    """A client's command line as shown to people."""
    words = [str(word).replace(str(folder), "OUT") for word in job.command]
    return " ".join([Path(words[0]).name, *words[1:]])
