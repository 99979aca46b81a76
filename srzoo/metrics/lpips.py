class Lpips: ...


def load(path, backbone=None):
    raise SystemExit
