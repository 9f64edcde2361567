"""What `pipeline crop` is measured against; run by the benchmark in the peers' Python, never by hand.

    peer.py limit MODEL FOLDER           seconds of decoding alone and of inference alone, every core busy
    peer.py loop MODEL FOLDER OUT        decode, detect and cut, one picture after the other
    peer.py prepare FOLDER COUNT SOURCE  COUNT JPEGs of the pictures of SOURCE: mirrored, cut at an edge
"""

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import cv2
import numpy
import onnxruntime
import simplejpeg

STRIDES = (32, 16, 8)
# As stages.toml has them.
FLOOR, NMS, LEAST, MARGIN, CENTRE, MAX_SIDE = 0.05, 0.4, 0.2, 2.0, 0.58, 512


class Model:
    """A raw YOLOv3 of one class with open sides, as this project exports it."""

    def __init__(self, path, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        about = self.session.get_modelmeta().custom_metadata_map
        self.side = int(about["input_side"])
        self.tight = about.get("fit") == "tight"
        anchors = [tuple(map(float, pair.split(","))) for pair in about["anchors"].split()]
        self.anchors = [anchors[6:9], anchors[3:6], anchors[0:3]]

    def size(self, width: int, height: int) -> tuple:
        """The picture's size within the input, and the input's: whole cells of the coarsest scale."""
        scale = min(self.side / width, self.side / height)
        inner = round(width * scale), round(height * scale)
        return inner, tuple(-(-length // 32) * 32 for length in inner) if self.tight else (self.side, self.side)

    def blob(self, picture):
        """(input, scale, left, top) of a BGR picture."""
        height, width = picture.shape[:2]
        (inner_width, inner_height), (across, down) = self.size(width, height)
        framed = numpy.full((down, across, 3), 128, numpy.uint8)
        left, top = (across - inner_width) // 2, (down - inner_height) // 2
        small = cv2.resize(picture, (inner_width, inner_height), interpolation=cv2.INTER_AREA)
        framed[top : top + inner_height, left : left + inner_width] = small
        return cv2.dnn.blobFromImage(framed, 1 / 255, swapRB=True), inner_width / width, left, top

    def boxes(self, picture) -> list:
        """(x, y, width, height, score) of each face, in the picture's pixels."""
        blob, scale, left, top = self.blob(picture)
        found = []
        for logits, stride, anchors in zip(self.session.run(None, {"images": blob}), STRIDES, self.anchors):
            rows, columns = logits.shape[2:]
            cells = logits[0].reshape(3, 6, rows, columns)
            score = 1 / (1 + numpy.exp(-cells[:, 4])) / (1 + numpy.exp(-cells[:, 5]))
            for anchor, row, column in zip(*numpy.nonzero(score >= FLOOR)):
                tx, ty, tw, th = cells[anchor, :4, row, column]
                x, y = (column + 1 / (1 + numpy.exp(-tx))) * stride, (row + 1 / (1 + numpy.exp(-ty))) * stride
                width, height = numpy.exp(tw) * anchors[anchor][0], numpy.exp(th) * anchors[anchor][1]
                box = (x - width / 2 - left) / scale, (y - height / 2 - top) / scale, width / scale, height / scale
                found.append((*map(float, box), float(score[anchor, row, column])))
        kept = cv2.dnn.NMSBoxes([box[:4] for box in found], [box[4] for box in found], FLOOR, NMS)
        return [found[index] for index in numpy.array(kept).flatten()]


def cut(picture, box):
    """The square head round a face; what lies beyond the picture repeats its edge."""
    x, y, width, height, _ = box
    side = max(1, round((width * height) ** 0.5 * MARGIN))
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side * CENTRE)
    down, across = picture.shape[:2]
    beyond = max(0, -left, -top, left + side - across, top + side - down)
    if beyond:
        picture = cv2.copyMakeBorder(picture, *[beyond] * 4, cv2.BORDER_REPLICATE)
    head = picture[top + beyond : top + beyond + side, left + beyond : left + beyond + side]
    return head if side <= MAX_SIDE else cv2.resize(head, (MAX_SIDE, MAX_SIDE), interpolation=cv2.INTER_AREA)


def loop(model, folder, out):
    """The straightforward way: the libraries' own threads, one picture after the other."""
    detector, heads = Model(model, 0), 0
    for path in sorted(Path(folder).iterdir()):
        picture = cv2.imread(str(path))
        for number, box in enumerate(detector.boxes(picture)):
            if box[4] >= LEAST:
                cv2.imwrite(f"{out}/{path.stem}-{number}.png", cut(picture, box))
                heads += 1
    print(json.dumps({"heads": heads}))


def decode_all(_model, paths) -> int:
    return sum(simplejpeg.decode_jpeg(path.read_bytes(), fastdct=False).shape[0] for path in paths)


def infer_all(model, paths) -> int:
    inputs = {}
    for path in paths:
        height, width = simplejpeg.decode_jpeg_header(path.read_bytes())[:2]
        _, (across, down) = model.size(width, height)
        blank = inputs.setdefault((across, down), numpy.full((1, 3, down, across), 0.5, numpy.float32))
        model.session.run(None, {"images": blank})
    return len(paths)


def share(model, work, paths, gate, answers):
    """One process' share; it says when it began and ended, by the clock that all share."""
    model = Model(model, 1)
    infer_all(model, paths[:1])
    gate.wait()
    begun = time.monotonic()
    work(model, paths)
    answers.put((begun, time.monotonic()))


def limit(model, folder):
    """Seconds of each part alone, a process a core; loading is not counted."""
    paths, cores, seconds = sorted(Path(folder).iterdir()), os.cpu_count(), {}
    for work in (decode_all, infer_all):
        gate, answers = multiprocessing.Barrier(cores), multiprocessing.Queue()
        shares = [(model, work, paths[core::cores], gate, answers) for core in range(cores)]
        running = [multiprocessing.Process(target=share, args=one) for one in shares]
        for process in running:
            process.start()
        times = [answers.get() for _ in running]
        for process in running:
            process.join()
        seconds[work.__name__] = max(end for _, end in times) - min(begun for begun, _ in times)
    print(json.dumps(seconds))


def prepare(folder, count, source):
    """Distinct pictures of the sizes that illustrations have: each source mirrored or not, and 8 pixels
    less on one side for each time that it comes again."""
    sources = sorted(path for path in Path(source).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for number in range(int(count)):
        path, turn = sources[number % len(sources)], number // len(sources)
        picture = cv2.imread(str(path))
        picture = picture[:, 8 * (turn // 2) :]
        picture = picture[:, ::-1] if turn % 2 else picture
        cv2.imwrite(f"{folder}/{number:05}.jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


if __name__ == "__main__":
    {"limit": limit, "loop": loop, "prepare": prepare}[sys.argv[1]](*sys.argv[2:])
