"""The local board that every client is measured against, and the pictures it serves."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

from .measure import Failure, last_words, processor_of

ROOT = Path(__file__).resolve().parents[2]
# Heads of 96 x 96 pixels beside the repository, where somebody keeps them.
HEADS = ROOT.parent / "shared/data/faces96"
# Longer side of pictures drawn where there are none, in pixels: files about as large as the heads'.
DRAWN_SIDE = 128
# Posts the board lists on one page.
PAGE = 100
# Minutes after which a board ends by itself, should this program be killed: longer than any run takes,
# also where others use the machine.
LIFETIME = 360


def build(packages) -> Path:
    """Builds the programs and says where they are."""
    command = ["cargo", "build", "--quiet"]
    for package in packages:
        command += ["-p", package]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise Failure(f"`{' '.join(command)}` failed: see above")
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"]
    answer = subprocess.run(metadata, cwd=ROOT, capture_output=True, check=True)
    return Path(json.loads(answer.stdout)["target_directory"]) / "debug"


def gather(given, count: int, folder: Path) -> str:
    """Puts `count` picture files into a folder; says where they come from."""
    source = Path(given) if given else HEADS
    if given and not source.is_dir():
        raise Failure(f"{source} is no folder: name one with picture files, or leave --pictures out")
    if source.is_dir():
        folder.mkdir()
        found = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if len(found) < count and given:
            count = len(found)
        if not found or len(found) < count:
            raise Failure(f"{source} holds {len(found)} pictures, {count} are wanted: lower --count")
        for path in found[:count]:
            shutil.copyfile(path, folder / path.name)
        return f"of {source.name}"
    binary = build(["drawing"]) / "drawing"
    command = [binary, "--out", folder, "--count", str(count), "--side", str(DRAWN_SIDE)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return f"drawn, {DRAWN_SIDE} px"


class Board:
    """`testbooru serve`, running. Use it as a context manager: it ends with the block."""

    def __init__(self, binary: Path, log: Path, arguments):
        self.log = log
        self.command = [binary, "serve", "--minutes", str(LIFETIME), *map(str, arguments)]

    def __enter__(self):
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        # The address is printed once it answers; the pipe closes if the board ends before.
        self.root = self.process.stdout.readline().strip()
        if not self.root:
            raise Failure(f"the local board did not start:\n{last_words(self.log)}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def processor(self) -> float:
        """Processor time the board took so far, in seconds."""
        return processor_of(self.process.pid)

    def urls(self) -> list:
        """The URLs of all its files, newest first, without repetition."""
        found, page = {}, 1
        while True:
            with urllib.request.urlopen(f"{self.root}/post.json?limit={PAGE}&page={page}") as answer:
                posts = json.load(answer)
            if not posts:
                return list(found)
            found.update((post["file_url"], None) for post in posts if "file_url" in post)
            page += 1


def has_option(binary: Path, option: str) -> bool:
    """Whether this build of the board knows an option of `serve`."""
    answer = subprocess.run([binary, "serve", "--help"], capture_output=True, text=True, check=True)
    return option in answer.stdout


def settings_with(folder: Path, values: dict) -> Path:
    """The shipped stages.toml with some plain settings changed, written into a folder."""
    text = (ROOT / "stages.toml").read_text()
    for key, value in values.items():
        text, changed = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        if changed != 1:
            raise Failure(f"stages.toml has {changed} lines `{key} = …`, one is expected: mend bench/harness/board.py")
    path = folder / "stages.toml"
    path.write_text(text)
    return path
