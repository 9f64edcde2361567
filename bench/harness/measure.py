"""Running a program and saying what it took: wall time, processor time and memory."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Seconds between two looks at the memory of a running program: often enough for runs of a second,
# seldom enough to take nothing from a machine of two cores.
LOOK_INTERVAL = 0.05


class Failure(Exception):
    """A benchmark that cannot go on; its text names the cause and the way out."""


@dataclass
class Cost:
    """What one run took."""

    # Start of the process to its end, in seconds.
    wall: float
    # User and system time of the process and the descendants it waited for, in seconds.
    processor: float
    # Highest memory in bytes: the largest process (resident), or the sum of all of them
    # (proportional) where they are several.
    memory: int


def run(command, log: Path, timeout: float, environment=None, accept=(0,)) -> Cost:
    """Runs a command to its end, its output into `log`."""
    with log.open("wb") as output:
        begin = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )
        watch = Watch(process.pid)
        late = threading.Timer(timeout, kill_group, [process.pid])
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            kill_group(process.pid)
            raise
        finally:
            late.cancel()
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    peak = watch.finish()
    if process.returncode not in accept:
        reason = f"was ended after {timeout:.0f} s" if wall >= timeout else f"ended with {process.returncode}"
        raise Failure(f"{Path(command[0]).name} {reason}; its last words:\n{last_words(log)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss * 1024))


def kill_group(leader: int):
    """Ends a process started here and its descendants."""
    try:
        os.killpg(leader, 9)
    except ProcessLookupError:
        pass


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return "\n".join("  " + line for line in lines[-8:])


class Watch:
    """Looks again and again at the memory of a process and its descendants, on a thread."""

    def __init__(self, leader: int):
        self.leader, self.peak = leader, 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.ended.wait(LOOK_INTERVAL):
            processes = tree(self.leader)
            # One process: the kernel's own high-water mark is exact, and costs nothing.
            if len(processes) > 1:
                self.peak = max(self.peak, sum(map(proportional, processes)))

    def finish(self) -> int:
        """The highest sum seen, in bytes."""
        self.ended.set()
        self.thread.join()
        return self.peak


def tree(leader: int) -> list:
    """A process and its descendants."""
    found, waiting = [], [leader]
    while waiting:
        process = waiting.pop()
        found.append(process)
        for task in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                waiting += map(int, task.read_text().split())
            except OSError:
                pass
    return found


def proportional(process: int) -> int:
    """Memory of a process in bytes, shared pages divided among their users; 0 where it has ended."""
    return told(process, "smaps_rollup", "Pss:")


def resident(process: int) -> int:
    """Resident memory of a process in bytes; 0 where it has ended."""
    return told(process, "status", "VmRSS:")


def told(process: int, file: str, key: str) -> int:
    """The bytes that a file of the kernel's tells of a process; 0 where it has ended."""
    try:
        text = Path(f"/proc/{process}/{file}").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(key))


def processor_of(process: int) -> float:
    """User and system time of a running process so far, in seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """Processor, cores, system and present load in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}, load {load:.1f} at the start"


def file_system(folder: Path) -> str:
    """The type of the file system that holds a folder: on tmpfs flushing costs nothing."""
    best, kind = "", "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, name, *_ = line.split()
        inside = folder.resolve().is_relative_to(mount)
        if inside and len(mount) >= len(best):
            best, kind = mount, name
    return kind
