"""Steps and presets: what they draw, and that the same state of the generator draws the same."""

import numpy as np
import pytest

from srzoo import bicubic
from srzoo.data.sample import sample_path
from srzoo.degradations import operations
from srzoo.degradations.kernels import sinc
from srzoo.degradations.presets import PRESETS, preset_of
from srzoo.degradations.steps import Blur, Chain, Jpeg, Kernels, Noise, Resize, Shuffled, Sincs, ToLr, degrade
from srzoo.pictures.reading import read_image

HR = read_image(sample_path("chelsea.png"))[:96, :128]


class Recorded:
    """A step that writes its name down."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def __call__(self, pixels, lr_shape, rng):
        self.log.append(self.name)
        return pixels


@pytest.mark.parametrize("scale", (2, 4))
@pytest.mark.parametrize("name", PRESETS)
def test_lr_follows_from_the_generators_state_and_is_of_its_size(name, scale):
    first, again, other = (degrade(HR, scale, PRESETS[name].steps, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (96 // scale, 128 // scale, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", PRESETS)
def test_lr_shows_what_hr_shows(name):
    clean = bicubic.downscale(HR, 4).astype(float)
    lr = [degrade(HR, 4, PRESETS[name].steps, np.random.default_rng(seed)).astype(float) for seed in range(40)]
    assert np.mean([np.corrcoef(each.ravel(), clean.ravel())[0, 1] for each in lr]) > 0.8


def test_a_picture_of_one_lr_pixel_is_degraded_too():
    for preset in PRESETS.values():
        for seed in range(20):
            assert degrade(HR[:4, :4], 4, preset.steps, np.random.default_rng(seed)).shape == (1, 1, 3)


def test_the_last_jpeg_of_real_is_as_often_before_as_after_the_last_resizing():
    log: list[str] = []
    last = Shuffled((Recorded("jpeg", log), Chain((Recorded("lr", log), Recorded("sinc", log)))))
    for seed in range(200):
        last(HR, (24, 32), np.random.default_rng(seed))
    orders = {tuple(log[i : i + 3]) for i in range(0, len(log), 3)}
    assert orders == {("jpeg", "lr", "sinc"), ("lr", "sinc", "jpeg")}
    assert 70 < sum(log[i] == "jpeg" for i in range(0, len(log), 3)) < 130


def test_shuffled_steps_come_in_all_orders_but_lrs_size_last():
    sizes = set()
    for seed in range(50):
        log: list[str] = []
        steps = Shuffled((ToLr(), Recorded("a", log), Resize({(2, 2): 1.0}), Recorded("b", log)))
        sizes.add(steps(HR.astype(np.float32), (24, 32), np.random.default_rng(seed)).shape)
        sizes.add(tuple(log))
    assert sizes == {(24, 32, 3), ("a", "b"), ("b", "a")}


def test_a_resize_is_of_the_size_that_its_share_draws():
    rng, pixels = np.random.default_rng(0), HR.astype(np.float32)
    shapes = [Resize({(0.5, 0.5): 0.25, (2, 2): 0.75})(pixels, (24, 32), rng).shape[0] for _ in range(200)]
    assert set(shapes) == {48, 192} and 25 < shapes.count(48) < 75
    assert Resize({(3, 3): 1.0}, divide=True)(pixels, (24, 32), rng).shape == (32, 42, 3)
    assert Resize({(1.5, 1.5): 1.0}, of_lr=True)(pixels, (24, 32), rng).shape == (36, 48, 3)


def test_kernels_are_drawn_from_their_ranges():
    rng = np.random.default_rng(0)
    plain = Kernels((1.0, 1.0), True).draw(21, rng)
    spread = (plain * (np.arange(21) - 10) ** 2).sum()
    assert spread == pytest.approx(1, abs=0.01) and plain == pytest.approx(plain.T)
    assert all(np.allclose(each, each.T) for each in (Kernels((0.5, 3.0), True).draw(7, rng) for _ in range(5)))
    wide = Kernels((0.5, 3.0), False).draw(21, rng)
    assert abs(wide - wide.T).max() > 1e-4
    for size, share in ((11, 1), (13, 1 / 3)):
        np.testing.assert_array_equal(Sincs((1, 1), (1 / 3, 1 / 3)).draw(size, rng), sinc(size, np.pi * share))


def test_steps_of_probability_0_change_nothing():
    pixels, rng = HR.astype(np.float32), np.random.default_rng(0)
    for step in (Blur({Kernels((1, 1), True): 1.0}, (7,), 0.0), Jpeg((30, 30), 0.0)):
        assert step(pixels, (24, 32), rng) is pixels


def test_both_ends_of_jpegs_qualities_are_drawn():
    pixels, rng = HR.astype(np.float32), np.random.default_rng(0)
    drawn = {Jpeg((30, 31))(pixels, (24, 32), rng).tobytes() for _ in range(20)}
    assert drawn == {operations.jpeg(pixels, quality).tobytes() for quality in (30, 31)}


def test_noise_is_gaussian_or_poisson_by_its_share(monkeypatch):
    drawn = []
    for name in ("gaussian_noise", "poisson_noise"):
        monkeypatch.setattr(
            operations, name, lambda pixels, amount, rng, grey, *_, name=name: drawn.append((name, grey))
        )
    rng = np.random.default_rng(0)
    for _ in range(300):
        Noise((1, 2), (1, 2), gaussian=0.8, grey=0.25)(HR, (24, 32), rng)
    assert 210 < sum(name == "gaussian_noise" for name, _ in drawn) < 270
    assert 50 < sum(grey for _, grey in drawn) < 100


def test_hr_that_is_no_multiple_and_an_unknown_preset_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, got 95x128; crop it first"):
        degrade(HR[:95], 4, PRESETS["jpeg"].steps, np.random.default_rng(0))
    with pytest.raises(ValueError, match="must be one of real, bsrgan, mixed, mild, jpeg, noise, blur, got 'foggy'"):
        preset_of("foggy")
