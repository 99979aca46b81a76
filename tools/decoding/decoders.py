"""Decoders that srzoo has no part of: libvips, and Chromium."""

import base64
import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright import sync_api

VIPS = Path(__file__).with_name("vips.py")

SCRIPT = """async ([content, type]) => {
  const data = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const decoder = new ImageDecoder({data, type, colorSpaceConversion: 'none', preferAnimation: true});
  await decoder.tracks.ready;
  await decoder.completed;
  const frames = [];
  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
    const {image} = await decoder.decode({frameIndex});
    const pixels = new Uint8Array(image.allocationSize({format: 'RGBA'}));
    await image.copyTo(pixels, {format: 'RGBA'});
    let text = '';
    for (let at = 0; at < pixels.length; at += 8192) text += String.fromCharCode(...pixels.subarray(at, at + 8192));
    frames.push([image.displayHeight, image.displayWidth, btoa(text)]);
  }
  return frames;
}"""

BY_CHROMIUM = {".gif": "image/gif", ".bmp": "image/bmp", ".apng": "image/png"}


class Decoders(contextlib.ExitStack):
    """Context manager in which both run."""

    def __enter__(self) -> "Decoders":
        playwright = self.enter_context(sync_api.sync_playwright())
        command = [sys.executable, VIPS]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.vips = self.enter_context(subprocess.Popen(command, **pipes))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        self.callback(browser.close)
        self.page = browser.new_page()
        # ImageDecoder is there for pages of files alone, and of the network.
        blank = Path(self.enter_context(tempfile.TemporaryDirectory()), "blank.html")
        blank.touch()
        self.page.goto(blank.as_uri())
        return self

    def decoded(self, path: Path, count: int) -> list[np.ndarray]:
        """Gives of each frame or page an array of shape (H, W, C), upright; as many as asked for of a TIFF's pages."""
        kind = BY_CHROMIUM.get(path.suffix)
        if not kind:
            return self.by_vips(path, count)
        frames = self.page.evaluate(SCRIPT, [base64.b64encode(path.read_bytes()).decode(), kind])
        return [
            np.frombuffer(base64.b64decode(content), np.uint8).reshape(height, width, 4)
            for height, width, content in frames
        ]

    def by_vips(self, path: Path, count: int = 1) -> list[np.ndarray]:
        """As `decoded`."""
        self.vips.stdin.write(f"{count} {path}\n")
        self.vips.stdin.flush()
        answer = self.vips.stdout.readline().rstrip()
        if answer != "done":
            raise ValueError(f"{path}: libvips: {answer}")
        with np.load(f"{path}.npz") as held:
            return list(held.values())
