#!/usr/bin/env python3
"""Makes the small picture files of the test `reference` and the pixels that they are.

    pip install pillow==13.0.0 pillow-jxl-plugin imagecodecs numpy
    apt install libjpeg-turbo-progs libavif-bin libjxl-tools
    ./make.py

The pixels are those of the reference decoders (libjpeg-turbo, libpng, libwebp, libtiff, libavif and libjxl
through Pillow and imagecodecs), turned upright, converted to sRGB by Little CMS, and on white where there is
alpha. What Pillow does not read is put together here, from pixels that are known.
"""
import io
import pathlib
import struct
import subprocess
import tempfile
import zlib

import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401  registers the plugin
from PIL import Image, ImageCms, ImageOps

HERE = pathlib.Path(__file__).parent
WIDTH, HEIGHT = 40, 24
SRGB = ImageCms.createProfile("sRGB")


def drawing():
    """Smooth hues with a few hard shapes: 8 bits, red, green and blue."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red = 40 + 170 * x / (WIDTH - 1)
    green = 60 + 150 * y / (HEIGHT - 1)
    blue = 200 - 120 * (x / (WIDTH - 1)) * (y / (HEIGHT - 1))
    picture = np.stack([red, green, blue], axis=-1)
    picture[4:12, 6:16] = (230, 40, 60)
    picture[12:20, 22:34] = (20, 190, 90)
    picture[2:8, 26:36] = (245, 240, 235)
    picture[14:22, 4:10] = (15, 12, 30)
    return picture.round().astype(np.uint8)


def alpha():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return (255 * np.clip((x + y) / (WIDTH + HEIGHT - 20), 0, 1)).round().astype(np.uint8)


RGB = Image.fromarray(drawing())
GREY = RGB.convert("L")
RGBA = Image.fromarray(np.dstack([drawing(), alpha()]))
# The same shape in few colours.
FEW = RGB.quantize(13)
ALL = {}


# Colour profiles, version 2: primaries and a gamma, or a gamma of grey, or a table from inks to Lab.

def fixed(number):
    return struct.pack(">i", round(number * 65536))


def xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))


def curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def profile(space, tags, kind=b"mntr", link=b"XYZ "):
    text = b"made for a test\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78), b"cprt": b"text\0\0\0\0" + text,
            b"wtpt": xyz((0.9642, 1.0, 0.8249)), **tags}
    table, data, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", at + len(data), len(content))
        data += content
    head = bytes(4) + b"\x02\x10\0\0" + kind + space + link + bytes(12) + b"acsp" + bytes(28) + xyz((0.9642, 1.0, 0.8249))[8:]
    body = head + bytes(124 - len(head)) + struct.pack(">I", len(tags)) + table + data
    return struct.pack(">I", len(body) + 4) + body


def primaries(points, white=(0.3127, 0.3290)):
    """Columns of the matrix from linear colours to XYZ at D50."""
    to = lambda x, y: np.array([x / y, 1, (1 - x - y) / y])
    matrix = np.stack([to(*point) for point in points], axis=1)
    matrix = matrix * np.linalg.solve(matrix, to(*white))
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source, target = bradford @ to(*white), bradford @ np.array([0.9642, 1, 0.8249])
    return np.linalg.inv(bradford) @ np.diag(target / source) @ bradford @ matrix


def matrix_profile(points, gamma, white=(0.3127, 0.3290)):
    columns = primaries(points, white).T
    return profile(b"RGB ", {b"rXYZ": xyz(columns[0]), b"gXYZ": xyz(columns[1]), b"bXYZ": xyz(columns[2]),
                             b"rTRC": curve(gamma), b"gTRC": curve(gamma), b"bTRC": curve(gamma)})


def ink_profile(grid=5):
    """From cyan, magenta, yellow and black to Lab, by the plain rule and with duller inks."""
    steps = np.linspace(0, 1, grid)
    c, m, y, k = np.meshgrid(steps, steps, steps, steps, indexing="ij")
    light = np.stack([(1 - 0.9 * c) * (1 - 0.95 * k), (1 - 0.8 * m) * (1 - 0.95 * k), (1 - 0.85 * y) * (1 - 0.95 * k)], -1)
    linear = light ** 2.2
    values = linear @ primaries(REC709).T / np.array([0.9642, 1, 0.8249])
    root = np.where(values > 0.008856, np.cbrt(values), 7.787 * values + 16 / 116)
    lab = np.stack([116 * root[..., 1] - 16, 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])], -1)
    coded = np.stack([lab[..., 0] * 65280 / 100, (lab[..., 1] + 128) * 256, (lab[..., 2] + 128) * 256], -1)
    coded = np.clip(coded.round(), 0, 65535).astype(">u2").tobytes()
    unit = b"".join(fixed(n) for n in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    line = struct.pack(">HH", 0, 65535)
    table = b"mft2\0\0\0\0" + bytes([4, 3, grid, 0]) + unit + struct.pack(">HH", 2, 2) + line * 4 + coded + line * 3
    return profile(b"CMYK", {b"A2B0": table}, kind=b"prtr", link=b"Lab ")


REC709 = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]
ADOBE = [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]
P3 = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]
ADOBE_RGB = matrix_profile(ADOBE, 2.19921875)
P3_PROFILE = matrix_profile(P3, 2.2)
PRO_PHOTO = matrix_profile([(0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)], 1.8, (0.3457, 0.3585))
GREY_PROFILE = profile(b"GRAY", {b"kTRC": curve(1.8)})
INKS = ink_profile()
SRGB_PROFILE = ImageCms.ImageCmsProfile(SRGB).tobytes()


def to_srgb(picture, icc):
    if not icc:
        return picture
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    return ImageCms.profileToProfile(picture, source, SRGB, renderingIntent=0, outputMode=mode)


def on_white(picture):
    if picture.mode in ("P", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode == "RGBA":
        samples = np.asarray(picture).astype(float)
        share = samples[..., 3:] / 255
        picture = Image.fromarray((samples[..., :3] * share + 255 * (1 - share)).round().astype(np.uint8))
    return picture.convert("RGB")


def reference(data):
    picture = Image.open(io.BytesIO(data))
    picture.load()
    icc = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture)
    return on_white(to_srgb(picture, icc))


def put(name, data, pixels=None):
    """A file, with the pixels that it is; those of the reference decoder where none are given."""
    assert name not in ALL, name
    ALL[name] = data
    (HERE / "files" / name).write_bytes(data)
    pixels = reference(data) if pixels is None else pixels
    pixels.convert("RGB").save(HERE / "references" / f"{name}.png", optimize=True)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def run(command, data, suffix=""):
    """The output of a program that reads a file and writes one."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder) / f"in{suffix}", pathlib.Path(folder) / "out.avif"
        source.write_bytes(data)
        command = [str(source if part == "IN" else target if part == "OUT" else part) for part in command]
        done = subprocess.run(command, check=True, capture_output=True)
        return target.read_bytes() if "OUT" in map(str, command) or target.exists() else done.stdout


def ppm(picture):
    return saved(picture, "PPM")


def jpegs():
    for name, sampling in (("444", 0), ("422", 1), ("420", 2)):
        put(f"{name}.jpg", saved(RGB, "JPEG", quality=90, subsampling=sampling))
        put(f"{name}-progressive.jpg", saved(RGB, "JPEG", quality=90, subsampling=sampling, progressive=True))
    put("restart.jpg", saved(RGB, "JPEG", quality=90, restart_marker_blocks=1))
    put("grey.jpg", saved(GREY, "JPEG", quality=90))
    put("low-quality.jpg", saved(RGB, "JPEG", quality=12))
    odd = RGB.crop((0, 0, 37, 19))
    put("odd-size.jpg", saved(odd, "JPEG", quality=90, subsampling=2))
    cjpeg = lambda *options: run(["cjpeg", "-quality", "90", *options, "IN"], ppm(RGB), ".ppm")
    for sampling in ("1x2", "4x1", "4x2", "1x4", "2x4", "2x2,2x1,2x1", "2x2,1x2,1x2"):
        put(f"sampled-{sampling.replace(',', '-')}.jpg", cjpeg("-sample", sampling))
    put("arithmetic.jpg", cjpeg("-arithmetic"))
    put("arithmetic-progressive.jpg", cjpeg("-arithmetic", "-progressive"))
    put("adobe-rgb-components.jpg", cjpeg("-rgb"))
    put("smooth-grey-sampled.jpg", run(["cjpeg", "-quality", "90", "-sample", "2x2", "-grayscale", "IN"], ppm(RGB), ".ppm"))
    with tempfile.TemporaryDirectory() as folder:
        for sampling, name in (("1x1", "444"), ("2x2", "420"), ("2x1", "422")):
            plain = cjpeg("-sample", sampling)
            for scans, kind in (("0;\n1;\n2;\n", "one-each"), ("0;\n1 2;\n", "luma-first"), ("2;\n1;\n0;\n", "backwards")):
                script = pathlib.Path(folder) / "scans"
                script.write_text(scans)
                put(f"scans-{kind}-{name}.jpg", run(["jpegtran", "-scans", script, "IN"], plain))
            script.write_text("0: 0 0 0 0;\n1: 0 0 0 0;\n2: 0 0 0 0;\n0: 1 63 0 0;\n1: 1 63 0 0;\n2: 1 63 0 0;\n")
            put(f"scans-progressive-{name}.jpg", run(["jpegtran", "-scans", script, "IN"], plain))
        put("scans-restart.jpg", run(["jpegtran", "-restart", "1", "-scans", script, "IN"], plain))
    for name, icc in (("adobe-rgb", ADOBE_RGB), ("p3", P3_PROFILE), ("pro-photo", PRO_PHOTO), ("srgb", SRGB_PROFILE)):
        put(f"profile-{name}.jpg", saved(RGB, "JPEG", quality=92, subsampling=0, icc_profile=icc))
    put("profile-grey.jpg", saved(GREY, "JPEG", quality=92, icc_profile=GREY_PROFILE))
    put("profile-p3-420.jpg", saved(RGB, "JPEG", quality=92, subsampling=2, icc_profile=P3_PROFILE))
    put("profile-broken.jpg", saved(RGB, "JPEG", quality=92, icc_profile=b"no profile at all, but long enough to be one" * 4),
        reference(saved(RGB, "JPEG", quality=92)))
    inks = RGB.convert("CMYK")
    put("inks.jpg", saved(inks, "JPEG", quality=95))
    put("profile-inks.jpg", saved(inks, "JPEG", quality=95, icc_profile=INKS))
    exif = Image.Exif()
    exif[0x0112] = 6
    put("turned.jpg", saved(RGB, "JPEG", quality=90, exif=exif, icc_profile=P3_PROFILE))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(data, *chunks, behind=()):
    """A PNG with chunks put behind its header, and behind its picture."""
    end = data.rindex(b"IEND") - 4
    return data[:33] + b"".join(chunk(*each) for each in chunks) + data[33:end] + b"".join(chunk(*each) for each in behind) + data[end:]


def parts(*numbers):
    return struct.pack(f">{len(numbers)}I", *(round(number * 100000) for number in numbers))


def deep_png(samples, colour, *chunks):
    """A PNG of 16 bits a sample."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*each) for each in ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")))


def pngs():
    plain = saved(RGB, "PNG", optimize=True)
    put("rgb.png", plain)
    put("grey.png", saved(GREY, "PNG"))
    put("alpha.png", saved(RGBA, "PNG"))
    put("grey-alpha.png", saved(RGBA.convert("LA"), "PNG"))
    put("palette.png", saved(FEW, "PNG"))
    put("palette-clear.png", saved(FEW, "PNG", transparency=3))
    put("one-bit.png", saved(GREY.convert("1"), "PNG"))
    put("clear-colour.png", saved(RGB, "PNG", transparency=(230, 40, 60)))
    deep = drawing().astype(np.uint16) * 257
    put("deep.png", deep_png(deep, 2), RGB)
    clear = struct.pack(">3H", *(deep[5, 8]))
    put("deep-clear-colour.png", deep_png(deep, 2, (b"tRNS", clear)), reference(saved(RGB, "PNG", transparency=(230, 40, 60))))
    for name, icc in (("adobe-rgb", ADOBE_RGB), ("p3", P3_PROFILE), ("srgb", SRGB_PROFILE)):
        put(f"profile-{name}.png", saved(RGB, "PNG", icc_profile=icc))
    put("profile-alpha.png", saved(RGBA, "PNG", icc_profile=P3_PROFILE))
    put("profile-palette.png", saved(FEW, "PNG", icc_profile=ADOBE_RGB), to_srgb(FEW.convert("RGB"), ADOBE_RGB))
    put("profile-grey.png", saved(GREY, "PNG", icc_profile=GREY_PROFILE))
    icc = (b"iCCP", b"p\0\0" + zlib.compress(ADOBE_RGB))
    put("profile-deep.png", deep_png(deep, 2, icc), to_srgb(RGB, ADOBE_RGB))
    linear = lambda gamma: to_srgb(RGB, matrix_profile(REC709, gamma))
    put("gamma-linear.png", with_chunks(plain, (b"gAMA", parts(1.0))), linear(1.0))
    put("gamma-mac.png", with_chunks(plain, (b"gAMA", parts(1 / 1.8))), linear(1.8))
    put("gamma-usual.png", with_chunks(plain, (b"gAMA", parts(0.45455)), (b"cHRM", parts(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06))), RGB)
    p3 = parts(0.3127, 0.329, *sum(P3, ()))
    put("primaries-p3.png", with_chunks(plain, (b"gAMA", parts(1 / 2.2 + 0.004)), (b"cHRM", p3)),
        to_srgb(RGB, matrix_profile(P3, 1 / (1 / 2.2 + 0.004))))
    put("srgb-before-gamma.png", with_chunks(plain, (b"sRGB", b"\0"), (b"gAMA", parts(1.0))), RGB)
    wide = np.asarray(RGB).astype(float) / 255
    wide = np.where(wide <= 0.04045, wide / 12.92, ((wide + 0.055) / 1.055) ** 2.4)
    wide = np.clip(wide @ (np.linalg.inv(primaries(REC709)) @ primaries(P3)).T, 0, 1)
    wide = np.where(wide <= 0.0031308, wide * 12.92, 1.055 * wide ** (1 / 2.4) - 0.055)
    put("code-points-p3.png", with_chunks(plain, (b"cICP", bytes([12, 13, 0, 1]))), Image.fromarray((wide * 255).round().astype(np.uint8)))
    put("code-points-srgb.png", with_chunks(plain, (b"cICP", bytes([1, 13, 0, 1])), (b"gAMA", parts(1.0))), RGB)
    frame = struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)
    put("one-frame-animation.png", with_chunks(plain, (b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", frame)), RGB)
    turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    put("turned-behind.png", with_chunks(plain, behind=[(b"eXIf", turned)]), RGB.transpose(Image.Transpose.ROTATE_270))
    put("turned-prefix.png", with_chunks(plain, (b"eXIf", b"Exif\0\0" + turned)), RGB.transpose(Image.Transpose.ROTATE_270))


def riff(*chunks):
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webps():
    size = struct.pack("<I", WIDTH - 1)[:3] + struct.pack("<I", HEIGHT - 1)[:3]
    put("lossy.webp", saved(RGB, "WEBP", quality=90))
    put("lossy-low.webp", saved(RGB, "WEBP", quality=20))
    put("lossless.webp", saved(RGB, "WEBP", lossless=True))
    put("alpha.webp", saved(RGBA, "WEBP", quality=95))
    put("alpha-lossless.webp", saved(RGBA, "WEBP", lossless=True, exact=True))
    put("profile.webp", saved(RGB, "WEBP", quality=95, icc_profile=P3_PROFILE))
    put("profile-alpha-lossless.webp", saved(RGBA, "WEBP", lossless=True, exact=True, icc_profile=ADOBE_RGB))
    picture = saved(RGB, "WEBP", lossless=True)[20:]
    turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    upright = RGB.transpose(Image.Transpose.ROTATE_270)
    for name, prefix in (("turned", b""), ("turned-prefix", b"Exif\0\0")):
        extended = (b"VP8X", b"\x08\0\0\0" + size)
        put(f"{name}.webp", riff(extended, (b"VP8L", picture), (b"EXIF", prefix + turned)), upright)
    frame = b"\0\0\0\0\0\0" + size + b"\x64\0\0\0" + b"VP8L" + struct.pack("<I", len(picture)) + picture + bytes(len(picture) % 2)
    put("one-frame-animation.webp", riff((b"VP8X", b"\x02\0\0\0" + size), (b"ANIM", bytes(6)), (b"ANMF", frame)), RGB)


def gifs():
    put("plain.gif", saved(FEW, "GIF"))
    put("clear.gif", saved(FEW, "GIF", transparency=3))
    put("interlaced.gif", saved(FEW, "GIF", interlace=True))
    put("bytes-behind.gif", saved(FEW, "GIF") + b"bytes behind the end", FEW)


def bmp_header(offset, height, bits, compression, length, colours=0):
    total = offset + length
    return b"BM" + struct.pack("<IHHI", total, 0, 0, offset) + struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, length, 2835, 2835, colours, 0)


def bmps():
    put("rgb.bmp", saved(RGB, "BMP"))
    put("palette.bmp", saved(FEW, "BMP"))
    put("grey.bmp", saved(GREY, "BMP"))
    put("one-bit.bmp", saved(GREY.convert("1"), "BMP"))
    rows = drawing()[..., ::-1].tobytes()
    put("top-down.bmp", bmp_header(54, -HEIGHT, 24, 0, len(rows)) + rows, RGB)
    samples = drawing().astype(int)
    short = (samples[..., 0] >> 3 << 11) | (samples[..., 1] >> 2 << 5) | samples[..., 2] >> 3
    data = short[::-1].astype("<u2").tobytes()
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    full = np.stack([(short >> 11) * 255 / 31, (short >> 5 & 63) * 255 / 63, (short & 31) * 255 / 31], -1)
    put("short.bmp", bmp_header(66, HEIGHT, 16, 3, len(data)) + masks + data, Image.fromarray(full.round().astype(np.uint8)))
    numbers = np.asarray(FEW)[::-1]
    runs = b"".join(b"".join(bytes([1, number]) for number in row) + b"\0\0" for row in numbers) + b"\0\1"
    palette = np.zeros((256, 4), np.uint8)
    palette[:13, :3] = np.array(FEW.getpalette()[:39]).reshape(-1, 3)[:, ::-1]
    put("runs.bmp", bmp_header(54 + 1024, HEIGHT, 8, 1, len(runs), 256) + palette.tobytes() + runs, FEW)


def tiffs():
    for name, compression in (("plain", None), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"), ("packbits", "packbits")):
        put(f"{name}.tif", saved(RGB, "TIFF", compression=compression))
    put("grey.tif", saved(GREY, "TIFF"))
    put("alpha.tif", saved(RGBA, "TIFF"))
    put("one-bit.tif", saved(GREY.convert("1"), "TIFF"))
    put("profile.tif", saved(RGB, "TIFF", icc_profile=ADOBE_RGB))
    put("turned.tif", saved(RGB, "TIFF", tiffinfo={274: 6}), RGB.transpose(Image.Transpose.ROTATE_270))
    deep = drawing().astype(np.uint16) * 257
    put("deep.tif", deep_tiff(deep), RGB)
    share = alpha()[..., None].astype(float) / 255
    multiplied = np.dstack([(drawing() * share).round().astype(np.uint8), alpha()])
    data = bytearray(saved(Image.fromarray(multiplied), "TIFF"))
    # What the fourth sample is: 2, alpha apart, becomes 1, alpha in the colours.
    at = data.index(struct.pack("<HHIH", 338, 3, 1, 2))
    data[at + 8] = 1
    put("premultiplied.tif", bytes(data), on_white(RGBA))


def deep_tiff(samples):
    data = samples.astype("<u2").tobytes()
    bits = 8 + 2 + 12 * 9 + 4
    entries = [(256, 4, 1, WIDTH), (257, 4, 1, HEIGHT), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2),
               (273, 4, 1, bits + 6), (277, 3, 1, 3), (278, 4, 1, HEIGHT), (279, 4, 1, len(data))]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + struct.pack("<HHH", 16, 16, 16) + data


def avifs():
    for sampling in ("4:2:0", "4:2:2", "4:4:4"):
        put(f"{sampling.replace(':', '')}.avif", saved(RGB, "AVIF", quality=90, subsampling=sampling))
    put("grey.avif", saved(RGB, "AVIF", quality=90, subsampling="4:0:0"))
    put("limited.avif", saved(RGB, "AVIF", quality=90, range="limited"))
    put("alpha.avif", saved(RGBA, "AVIF", quality=90))
    put("alpha-premultiplied.avif", saved(RGBA, "AVIF", quality=95, subsampling="4:4:4", alpha_premultiplied=True))
    # Without loss: next to black a level more or less becomes several by a profile.
    plain = saved(RGB, "PNG", icc_profile=P3_PROFILE)
    put("profile.avif", run(["avifenc", "-j", "1", "--lossless", "IN", "OUT"], plain, ".png"), to_srgb(RGB, P3_PROFILE))
    for orientation in (2, 3, 4, 5, 6, 7, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        put(f"turned-{orientation}.avif", saved(RGB, "AVIF", quality=90, exif=exif))
    odd = RGB.crop((0, 0, 37, 19))
    put("odd-size.avif", saved(odd, "AVIF", quality=90))
    encoded = lambda picture, *options: run(["avifenc", "-j", "1", *options, "IN", "OUT"], saved(picture, "PNG"), ".png")
    best = ("--min", "0", "--max", "8")
    for name, bits, sampling in (("ten-bits", 10, "420"), ("twelve-bits", 12, "444")):
        # Pillow cuts off what eight bits do not hold before it computes colours.
        data = encoded(RGB, "-d", str(bits), "-y", sampling, *best)
        deep = imagecodecs.avif_decode(data).astype(float) / (2 ** bits - 1)
        put(f"{name}.avif", data, Image.fromarray((deep * 255).round().astype(np.uint8)))
    put("lossless.avif", encoded(RGB, "--lossless"), RGB)
    put("bt709.avif", encoded(RGB, "--cicp", "1/13/1", "-y", "444", *best))
    put("bt2020-matrix.avif", encoded(RGB, "--cicp", "1/13/9", "-y", "444", *best))
    large = RGB.resize((160, 144), Image.Resampling.BICUBIC)
    put("tiles.avif", encoded(large, "--grid", "2x2", "-y", "420", *best))


def jxls():
    put("lossless.jxl", saved(RGB, "JXL", lossless=True))
    put("lossy.jxl", saved(RGB, "JXL", quality=90))
    put("lossy-low.jxl", saved(RGB, "JXL", quality=40))
    put("grey.jxl", saved(GREY, "JXL", lossless=True))
    put("alpha.jxl", saved(RGBA, "JXL", lossless=True))
    cjxl = lambda picture, *options: run(["cjxl", "IN", "OUT", *options], picture, ".png")
    put("profile.jxl", cjxl(saved(RGB, "PNG", icc_profile=ADOBE_RGB), "-d", "0"), to_srgb(RGB, ADOBE_RGB))
    put("profile-grey.jxl", cjxl(saved(GREY, "PNG", icc_profile=GREY_PROFILE), "-d", "0"), to_srgb(GREY, GREY_PROFILE))
    put("container.jxl", saved(RGB, "JXL", lossless=True, use_container=True))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.jpg"
        path.write_bytes(saved(RGB, "JPEG", quality=90, subsampling=2))
        data = imagecodecs.jpegxl_encode_jpeg(path.read_bytes())
        put("from-jpeg.jxl", data, Image.fromarray(imagecodecs.jpegxl_decode(data)))
    deep = drawing().astype(np.uint16) * 257
    put("deep.jxl", cjxl(deep_png(deep, 2), "-d", "0"), RGB)


def refused():
    """Files that are whole and are no still picture, or of a kind that is refused by name."""
    folder = HERE / "refused"
    folder.mkdir(exist_ok=True)
    frames = [RGB, RGB.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    several = dict(save_all=True, append_images=frames[1:], duration=100)
    for kind, name, options in (("AVIF", "animated.avif", {}), ("PNG", "animated.png", {}), ("WEBP", "animated.webp", {}),
                                ("GIF", "animated.gif", {})):
        (folder / name).write_bytes(saved(frames[0], kind, **several, **options))
    (folder / "animated.jxl").write_bytes(imagecodecs.jpegxl_encode(np.stack([drawing(), drawing()[:, ::-1]]), lossless=True))
    deep = drawing().astype(np.uint16) * 16
    (folder / "twelve-bits.jpg").write_bytes(imagecodecs.jpeg8_encode(deep, bitspersample=12, level=90))
    (folder / "lossless.jpg").write_bytes(imagecodecs.ljpeg_encode(np.asarray(GREY)))
    plain = saved(RGB, "PNG")
    (folder / "hdr.png").write_bytes(with_chunks(plain, (b"cICP", bytes([9, 16, 0, 1]))))
    (folder / "hdr.avif").write_bytes(run(["avifenc", "-j", "1", "--cicp", "9/16/9", "-d", "10", "IN", "OUT"], plain, ".png"))


if __name__ == "__main__":
    for folder in ("files", "references"):
        for old in (HERE / folder).glob("*"):
            old.unlink()
    for make in (jpegs, pngs, webps, gifs, bmps, tiffs, avifs, jxls, refused):
        make()
    print(f"{len(ALL)} files of {sum(map(len, ALL.values()))} bytes")
