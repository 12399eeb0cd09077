"""Files, folders and cameras as sources of frames."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import threading
from fractions import Fraction
from threading import Event

import av
import cv2
import numpy as np
import pytest

from stma_d2.errors import InputError
from stma_d2.inference import sources
from stma_d2.inference.sources import is_live, opened_source, set_by_interrupt, shown_name, until


class FakeCamera:
    """Gives three frames."""

    def __init__(self, number):
        self.number, self.left, self.released = number, 3, False

    def isOpened(self):
        return self.number == 2

    def get(self, key):
        return 30.0 if key == cv2.CAP_PROP_FPS else 0.0

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((4, 6, 3), max(self.left, 0), np.uint8)

    def release(self):
        self.released = True


def h264_frames(count):
    """Annex B bytes of each frame: 64 x 48 pixels, brighter and brighter."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base = Fraction(1, 10)
    encoder.options = {"tune": "zerolatency", "g": "3"}
    for number in range(count):
        picture = np.full((48, 64, 3), 50 + 20 * number % 200, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts = number
        yield from (bytes(packet) for packet in encoder.encode(frame))


class RtspServer:
    """Answers one client and sends it frames as RTP inside the connection."""

    SDP = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
    )

    def __init__(self, count):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://user:secret@127.0.0.1:{self.socket.getsockname()[1]}/street"
        self.frames = list(h264_frames(count))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        client, _ = self.socket.accept()
        with client, client.makefile("rb") as requests:
            for line in requests:
                method, headers = line.split()[0].decode(), {}
                while header := requests.readline().strip():
                    key, _, value = header.decode().partition(": ")
                    headers[key] = value
                extra, body = "", self.SDP if method == "DESCRIBE" else ""
                if method == "DESCRIBE":
                    extra = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                if method == "SETUP":
                    extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
                answer = f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{extra}\r\n{body}"
                client.sendall(answer.encode())
                if method == "PLAY":
                    break
            sequence = 0
            for number, frame in enumerate(self.frames):
                units = re.split(b"\0\0\0?\1", frame)[1:]
                for unit in units:
                    last = unit is units[-1]
                    rtp = struct.pack(">BBHII", 128, 96 | last << 7, sequence, 9000 * number, 1)
                    client.sendall(struct.pack(">cBH", b"$", 0, len(rtp) + len(unit)) + rtp + unit)
                    sequence += 1


def test_an_rtsp_camera_gives_its_frames_with_its_times():
    server = RtspServer(count=8)
    with opened_source(server.url) as frames:
        came = list(frames)
    server.thread.join(5)
    assert [round(float(frame.pixels.mean()), -1) for frame in came] == [
        50 + 20 * number for number in range(8)
    ]
    assert np.diff([frame.time for frame in came]) == pytest.approx([0.1] * 7)


def test_a_server_that_is_not_there_is_named_without_its_password():
    message = r"^rtsp://127\.0\.0\.1:1/street cannot be opened: Connection refused$"
    with pytest.raises(InputError, match=message), opened_source("rtsp://u:pw@127.0.0.1:1/street"):
        pass


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rtsp://me:p@ss:w@host:554/a@b", "rtsp://host:554/a@b"),
        ("rtsp://me@host/street?channel=2", "rtsp://host/street?channel=2"),
        ("http://cam/v?user=me&pwd=x&n=1&token=ab", "http://cam/v?user=me&pwd=***&n=1&token=***"),
        ("HTTPS://a:b@[::1]:80/x", "HTTPS://[::1]:80/x"),
        ("a//me:pw@b.mp4", "a//me:pw@b.mp4"),
        ("0", "0"),
    ],
)
def test_an_address_is_shown_without_its_password(name, shown):
    assert shown_name(name) == shown


def test_a_silent_server_is_given_up(monkeypatch):
    monkeypatch.setattr(sources, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/street"
        message = r"street cannot be opened: no answer in 0\.3 seconds"
        with pytest.raises(InputError, match=message), opened_source(url):
            pass


def test_a_stream_that_falls_silent_ends_with_a_warning(monkeypatch, caplog):
    """What came before is kept."""
    encoder, sent = list(h264_frames(30)), threading.Event()
    monkeypatch.setattr(sources, "TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/h264\r\n\r\n")
                client.sendall(b"".join(encoder))
                sent.wait(20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with opened_source(f"http://127.0.0.1:{server.getsockname()[1]}/a.h264") as frames:
            came = list(frames)
        sent.set()
        thread.join(5)
    assert len(came) >= 20
    assert "/a.h264 ends: nothing came for 1 seconds" in caplog.text


@pytest.fixture
def cameras(monkeypatch):
    """Camera 2 is there, no other; what was opened."""
    opened = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda n: opened.append(FakeCamera(n)) or opened[-1])
    return opened


def test_a_number_is_a_camera_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_live("0") and is_live("12")
    assert not is_live("0.mp4") and not is_live("-1")
    (tmp_path / "0").mkdir()
    assert not is_live("0")


@pytest.mark.parametrize(
    ("name", "live"),
    [("rtsp://a/b", True), ("HTTP://a/b.mp4", True), ("file:///etc/passwd", False), ("a:b", False)],
)
def test_a_network_address_is_live(name, live):
    assert is_live(name) is live


def test_a_camera_may_be_named_by_its_device(cameras, tmp_path):
    (tmp_path / "by-id").symlink_to("/dev/video2")
    for name in ("/dev/video2", str(tmp_path / "by-id")):
        assert is_live(name)
        with opened_source(name) as frames:
            assert len(list(frames)) == 3
    assert [camera.number for camera in cameras] == [2, 2]
    with (
        pytest.raises(InputError, match="cannot open camera /dev/video7"),
        opened_source("/dev/video7"),
    ):
        pass


def test_a_camera_gives_its_frames_when_they_come_and_is_released(cameras, monkeypatch):
    clock = iter([100.0, 100.5, 103.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with opened_source("2") as frames:
        came = [(int(pixels[0, 0, 0]), time, duration) for pixels, time, duration in frames]
    assert came == [(2, 100.0, 1 / 30), (1, 100.5, 1 / 30), (0, 103.0, 1 / 30)]
    assert cameras[0].released


def test_a_camera_that_does_not_open_is_named(cameras):
    with pytest.raises(InputError, match="cannot open camera 7"), opened_source("7"):
        pass
    assert cameras[0].released


def test_a_folder_has_the_usual_rate(tmp_path):
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"0000{number}.png"), np.zeros((4, 6, 3), np.uint8))
    with opened_source(str(tmp_path)) as frames:
        assert [(time, duration) for _, time, duration in frames] == [(0, 0.04), (0.04, 0.04)]


def test_frames_end_when_told():
    stop, seen = Event(), []
    for frame in until(stop, [1, 2, 3, 4]):
        seen.append(frame)
        if frame == 2:
            stop.set()
    assert seen == [1, 2]


def test_ctrl_c_ends_the_frames_and_not_the_program():
    stop, before = Event(), signal.getsignal(signal.SIGINT)
    with set_by_interrupt(stop):
        os.kill(os.getpid(), signal.SIGINT)
        assert list(until(stop, [1, 2])) == []
    assert signal.getsignal(signal.SIGINT) is before
