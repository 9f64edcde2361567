#!/usr/bin/env python3
"""Fetches libtorch and ONNX Runtime, pinned by version and SHA-256, into the user's cache.

    python3 native/fetch.py            # installs what is missing and links .native to it

The libraries are taken out of Python wheels: pip resolves each wheel's address (so a mirror or a
proxy in pip's configuration is honoured), this script downloads it in resumable pieces, checks its
SHA-256, and unpacks only the files the two programs load. Running it again does nothing; running
it after an interruption goes on where it stopped.
"""
import fcntl
import hashlib
import json
import os
import pathlib
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "anime-heads" / "native"

# The wheels are those of CPython 3.11 whatever Python runs this script: only their C++ libraries
# are used, and one wheel a version gives one hash to pin.
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_25_x86_64", "manylinux2014_x86_64"]
WHEELS = {
    # torch-sys 0.26 expects exactly libtorch 2.13.0.
    "torch": ("2.13.0", "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7"),
    # libtorch_cpu.so of that wheel is linked against libcudart.so.13 and libcupti.so.13.
    "nvidia-cuda-runtime": ("13.0.96", "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
    "nvidia-cuda-cupti": ("13.0.85", "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
    # The C API version 24 that the ort crate is built for.
    "onnxruntime": ("1.32.0", "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d"),
}
# Raised when the layout below changes, so that an older one in a cache is not mistaken for it.
LAYOUT = "1"


def fail(message):
    sys.exit(f"error: {message}")


def check_machine():
    """Names every missing base tool at once, with the way out."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        fail(
            f"this set-up knows Linux on x86-64, and this is {platform.system()} on {platform.machine()}. "
            "Elsewhere: unpack libtorch 2.13.0 to .native/libtorch and ONNX Runtime 1.32 to .native/onnxruntime/lib "
            "by hand, then use cargo as usual."
        )
    missing = []
    for tools, what in (
        (["cargo"], "Rust with cargo (rustup installs it)"),
        (["c++", "g++", "clang++"], "a C++ compiler (Debian: apt-get install g++)"),
        (["cc", "gcc", "clang"], "a C compiler (Debian: apt-get install gcc)"),
    ):
        if not any(shutil.which(tool) for tool in tools):
            missing.append(what)
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
        missing.append("pip for this Python (Debian: apt-get install python3-pip)")
    if missing:
        fail("missing on this machine: " + "; ".join(missing))


def resolve(name, version):
    """The wheel's address, as pip would download it."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"]
    command += ["--target", tempfile.gettempdir(), "--only-binary=:all:", "--python-version", "3.11"]
    command += ["--implementation", "cp", "--report", "-", f"{name}=={version}"]
    for tag in PLATFORMS:
        command += ["--platform", tag]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        hint = " (pip 22.2 or newer is needed)" if "no such option" in answer.stderr else ""
        fail(f"pip cannot find {name} {version}{hint}:\n{answer.stderr.strip()}")
    return json.loads(answer.stdout)["install"][0]["download_info"]["url"]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def stream(url, part, name):
    """Appends what `part` still lacks of the file at `url`."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=certificates)
    with urllib.request.urlopen(request, timeout=60, context=context) as answer:
        if have and getattr(answer, "status", 200) != 206:
            have = 0
        total = have + int(answer.headers.get("Content-Length") or 0)
        shown = 0.0
        with open(part, "ab" if have else "wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
                have += len(block)
                if sys.stderr.isatty() and time.monotonic() - shown > 0.2:
                    shown = time.monotonic()
                    print(f"\r  {name}: {have >> 20} of {total >> 20} MiB", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if total and have < total:
        raise OSError(f"the connection closed after {have} of {total} bytes")


def download(name, folder):
    """The verified wheel in `folder`; a partial download is continued."""
    version, pinned = WHEELS[name]
    wheel = folder / f"{name}-{version}.whl"
    if wheel.exists():
        return wheel
    part = wheel.with_suffix(".part")
    url = resolve(name, version)
    for attempt in range(1, 6):
        try:
            stream(url, part, name)
            break
        except urllib.error.HTTPError as error:
            # 416: the part is already whole, or longer than the file; the hash decides.
            if error.code == 416:
                break
            reason = error
        except OSError as error:
            reason = error
        print(f"  {name}: {reason}; attempt {attempt} of 5", file=sys.stderr)
        time.sleep(attempt)
    else:
        fail(f"could not download {name} {version}: {reason}. Run the same command again to go on from here.")
    found = sha256(part)
    if found != pinned:
        part.unlink()
        fail(f"{name} {version} has SHA-256 {found}, and {pinned} was expected; the file was removed, run again.")
    part.rename(wheel)
    return wheel


def unpack(wheel, members, target):
    """Copies the members whose path starts with a key of `members` to the folder it names."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            for prefix, folder in members.items():
                if entry.filename.startswith(prefix) and not entry.is_dir():
                    keep = entry.filename[len(prefix):] if prefix.endswith("/") else pathlib.Path(entry.filename).name
                    to = target / folder / keep
                    to.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(entry) as source, open(to, "wb") as file:
                        shutil.copyfileobj(source, file, 1 << 20)


def libtorch(downloads, target):
    unpack(
        download("torch", downloads),
        {
            "torch/lib/libtorch_cpu.so": "lib",
            "torch/lib/libc10.so": "lib",
            "torch/lib/libgomp": "lib",
            "torch/include/": "include",
        },
        target,
    )
    unpack(download("nvidia-cuda-runtime", downloads), {"nvidia/cu13/lib/libcudart.so.13": "lib"}, target)
    unpack(download("nvidia-cuda-cupti", downloads), {"nvidia/cu13/lib/libcupti.so.13": "lib"}, target)
    (target / "lib" / "libtorch.so").symlink_to("libtorch_cpu.so")
    (target / "build-version").write_text(WHEELS["torch"][0])


def onnxruntime(downloads, target):
    unpack(download("onnxruntime", downloads), {"onnxruntime/capi/libonnxruntime.so": "lib"}, target)
    library = next((target / "lib").glob("libonnxruntime.so.*"))
    (target / "lib" / "libonnxruntime.so").symlink_to(library.name)


def install(name, wheels, build):
    """Builds one library's folder under a temporary name and renames it, so it is whole or absent."""
    pins = [WHEELS[wheel] for wheel in wheels]
    stamp = hashlib.sha256(json.dumps([LAYOUT, pins]).encode()).hexdigest()[:12]
    final = CACHE / f"{name}-{pins[0][0]}-{stamp}"
    if not final.exists():
        started = time.monotonic()
        downloads = CACHE / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        temporary = CACHE / "unpacking"
        shutil.rmtree(temporary, ignore_errors=True)  # what a killed set-up left
        temporary.mkdir()
        build(downloads, temporary)
        temporary.rename(final)
        for wheel in wheels:
            (downloads / f"{wheel}-{WHEELS[wheel][0]}.whl").unlink(missing_ok=True)
        print(f"installed {name} {pins[0][0]} in {time.monotonic() - started:.0f} s")
    return final


def link(name, final):
    """Points .native/NAME of this checkout at the cache."""
    native = ROOT / ".native"
    native.mkdir(exist_ok=True)
    temporary = native / f".{name}.{os.getpid()}"
    temporary.symlink_to(final)
    try:
        os.replace(temporary, native / name)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        fail(f"cannot link {native / name} to {final} ({error}): remove what is there and run again")


def main():
    check_machine()
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        # Two set-ups at once would append to the same partial download.
        lock = open(CACHE / "lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        link("libtorch", install("libtorch", ["torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"], libtorch))
        link("onnxruntime", install("onnxruntime", ["onnxruntime"], onnxruntime))
    except OSError as error:
        fail(f"{error}. About 1.3 GB must be free in {CACHE} for the set-up; 550 MB stay.")
    print(f"native libraries are ready: {ROOT / '.native'}")


if __name__ == "__main__":
    main()
