"""What the doctor says of a game, told in figures that are known, and of photographs spoilt in known ways."""

import functools

import numpy as np
import pytest

from srzoo import bicubic, zoo
from srzoo.data.sample import sample_path
from srzoo.images import to_uint8
from srzoo.pictures.reading import read_image
from srzoo.training import doctor
from srzoo.training.doctor import CALM, MAX_CHECKERBOARD, MAX_COLOUR_SHIFT, PATIENCE, WINDOW, Doctor

NAMES = ("chelsea.png", "astronaut.png", "coffee.png", "grass.png", "motorcycle_left.png")
ROWS, COLUMNS = np.mgrid[:256, :256][..., None]
ALTERNATING = np.where((ROWS + COLUMNS) % 2, 1, -1)

HEALTHY = (0.75, 0.25)
WON = (0.98, 0.02)
COLLAPSED = (0.5, 0.5)


@functools.cache
def photo(name: str) -> np.ndarray:
    return read_image(sample_path(name))[:256, 50:306]


@functools.cache
def super_resolved() -> np.ndarray:
    """The cat by the shipped network, from LR of 64x64."""
    lr = bicubic.downscale(photo("chelsea.png"), 4)
    return to_uint8(np.asarray(zoo.load("edsr-baseline-x4")(lr[None].astype(np.float32), training=False))[0])


def by_bicubic(hr: np.ndarray, scale: int) -> np.ndarray:
    return bicubic.upscale(bicubic.downscale(hr, scale), scale)


def phase_gains(scale: int) -> np.ndarray:
    """A pattern of the period `scale` in [-1, 1] whose mean is 0."""
    gains = np.random.default_rng(0).standard_normal((scale, scale))
    gains -= gains.mean()
    return (gains / np.abs(gains).max())[ROWS % scale, COLUMNS % scale]


def tell(it: Doctor, answers: tuple[float, float], steps: int, noise: float = 0.1) -> list[str]:
    """All warnings over `steps` steps whose answers vary around `answers`."""
    around = np.random.default_rng(0).normal(answers, noise, (steps, 2)).clip(0, 1)
    return [
        warning
        for step, (real, fake) in enumerate(around, 1)
        for warning in it.watch(step, {"loss": 1.0, "d_real": float(real), "d_fake": float(fake)})
    ]


@pytest.mark.parametrize("answers", [HEALTHY, (0.6, 0.4), (0.9, 0.1), (0.55, 0.47)])
def test_a_healthy_noisy_game_is_not_warned_of(answers):
    assert tell(Doctor(4), answers, 5000) == []


def test_a_discriminator_that_wins_for_long_is_said_once_with_figures_and_advice():
    (warning,) = tell(Doctor(4), WON, 3000, 0.0)
    assert warning.startswith("The discriminator wins") and "0.980 for HR and 0.020 for SR" in warning
    assert f"up to step {PATIENCE}," in warning and "--discriminator-norm spectral" in warning


@pytest.mark.parametrize(
    ("answers", "words"), [(COLLAPSED, "cannot tell SR from HR"), ((0.4, 0.6), "takes SR for photographs rather than")]
)
def test_a_discriminator_that_collapses_is_said_once(answers, words):
    (warning,) = tell(Doctor(4), answers, 3000, 0.0)
    assert warning.startswith("The discriminator has collapsed") and words in warning and "--learning-rate" in warning


def test_noise_does_not_hide_a_collapse():
    assert len(tell(Doctor(4), COLLAPSED, 3000, 0.05)) == 1


@pytest.mark.parametrize("start", [WON, COLLAPSED])
def test_a_start_of_some_hundred_steps_is_not_warned_of(start):
    it = Doctor(4)
    assert tell(it, start, PATIENCE - WINDOW) == tell(it, HEALTHY, 3000) == []


def test_a_trouble_is_said_again_only_after_it_was_over_for_long():
    it = Doctor(4)
    assert len(tell(it, WON, 2 * PATIENCE, 0.0)) == 1
    assert tell(it, HEALTHY, PATIENCE // 2) == tell(it, WON, 2 * PATIENCE, 0.0) == []
    assert tell(it, HEALTHY, 2 * PATIENCE) == []
    assert len(tell(it, WON, 2 * PATIENCE, 0.0)) == 1


def test_one_trouble_after_the_other_is_said_too():
    it = Doctor(4)
    assert len(tell(it, WON, 2 * PATIENCE, 0.0)) == 1
    (warning,) = tell(it, COLLAPSED, 2 * PATIENCE, 0.0)
    assert "collapsed" in warning


def test_of_a_relativistic_discriminator_only_the_difference_counts():
    assert tell(Doctor(4), (0.97, 0.95), 3000, 0.0) == []
    assert tell(Doctor(4), (0.9999, 0.9999), 3000, 0.0) == []


def test_rows_of_the_pixel_stage_are_passed_over():
    it = Doctor(4)
    assert [it.watch(step, {"loss": 0.1}) for step in range(PATIENCE)] == [[]] * PATIENCE
    assert tell(it, WON, PATIENCE - 1, 0.0) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_photograph_has_the_colours_and_the_pattern_of_itself(name):
    signs, warnings = Doctor(4).examine(1, [(photo(name), photo(name))])
    assert signs == {"colour_shift": 0, "checkerboard": 1} and not warnings


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("name", NAMES)
def test_bicubic_is_well(name, scale):
    signs, warnings = Doctor(scale).examine(1, [(photo(name), by_bicubic(photo(name), scale))])
    assert signs["checkerboard"] < 1.5 and signs["colour_shift"] < 0.3 and not warnings


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_well(name):
    noise = np.random.default_rng(0).normal(0, 4, (256, 256, 3))
    signs, warnings = Doctor(4).examine(1, [(photo(name), to_uint8(photo(name) + noise))])
    assert signs["checkerboard"] < 1.5 and signs["colour_shift"] < 0.5 and not warnings


def test_the_shipped_network_is_well():
    signs, warnings = Doctor(4).examine(1, [(photo("chelsea.png"), super_resolved())])
    assert signs["checkerboard"] < 1.5 and signs["colour_shift"] < 0.3 and not warnings


@pytest.mark.parametrize("name", NAMES)
def test_unequal_gains_of_the_phases_are_a_checkerboard(name):
    sr = to_uint8(by_bicubic(photo(name), 4) * (1 + 0.05 * phase_gains(4)))
    signs, (warning,) = Doctor(4).examine(100, [(photo(name), sr)])
    assert signs["checkerboard"] > MAX_CHECKERBOARD and warning.startswith("A checkerboard appears")
    assert f"{signs['checkerboard']:.1f} times" in warning and "--adversarial-weight" in warning


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_checkerboard_of_three_grey_levels_is_found_in_a_photograph_itself(name, period):
    pattern = np.where((ROWS // (period // 2) + COLUMNS // (period // 2)) % 2, 3, -3)
    assert doctor.checkerboard([(photo(name), to_uint8(photo(name) + pattern))], 4)[0] > MAX_CHECKERBOARD


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_scale_has_its_own_pattern(scale):
    hr = photo("coffee.png")[:240, :240]
    sr = to_uint8(by_bicubic(hr, scale) + 3.0 * phase_gains(scale)[:240, :240])
    assert doctor.checkerboard([(hr, sr)], scale)[0] > MAX_CHECKERBOARD


def test_a_checkerboard_of_a_last_stage_is_found_at_x8():
    sr = to_uint8(by_bicubic(photo("coffee.png"), 8) + 2.0 * ALTERNATING)
    assert doctor.checkerboard([(photo("coffee.png"), sr)], 8)[0] > MAX_CHECKERBOARD


def test_a_checkerboard_is_found_whose_sign_changes_across_the_picture():
    sign = np.where(COLUMNS < 128, 1, -1)
    sr = to_uint8(super_resolved() + 3.0 * sign * ALTERNATING)
    assert doctor.checkerboard([(photo("chelsea.png"), sr)], 4)[0] > MAX_CHECKERBOARD


def test_a_checkerboard_is_found_in_one_picture_of_many():
    pairs = [(photo(name), by_bicubic(photo(name), 4)) for name in NAMES]
    pairs[2] = (pairs[2][0], to_uint8(pairs[2][1] + 3.0 * ALTERNATING))
    assert doctor.checkerboard(pairs, 4)[0] > MAX_CHECKERBOARD


def test_flat_pictures_have_no_checkerboard():
    hr, sr = (np.full((256, 256, 3), level, np.uint8) for level in (50, 51))
    assert doctor.checkerboard([(hr, sr)], 4)[0] == pytest.approx(1)


def test_too_few_parts_are_measured_but_not_warned_of():
    hr = photo("chelsea.png")[:96, :96]
    signs, warnings = Doctor(4).examine(1, [(hr, to_uint8(hr + 3.0 * ALTERNATING[:96, :96]))])
    assert signs["checkerboard"] > MAX_CHECKERBOARD and not warnings


def test_pictures_smaller_than_a_part_are_not_measured():
    hr = photo("chelsea.png")[:48, :256]
    signs, warnings = Doctor(4).examine(1, [(hr, hr)])
    assert "checkerboard" not in signs and not warnings
    assert doctor.checkerboard([(hr, hr), (photo("chelsea.png"), super_resolved())], 4)[0] < 1.5


def test_a_colour_shift_is_measured_in_grey_levels_and_named():
    hr = photo("coffee.png").clip(10, 245)
    sr = hr + np.array([1, 0, 3], np.uint8)
    signs, (warning,) = Doctor(4).examine(100, [(hr, sr)])
    assert signs["colour_shift"] == pytest.approx(3) and signs["checkerboard"] < 1.5
    assert "the mean blue of SR is off HR's by 3.0 grey levels" in warning and "--adversarial-weight" in warning


def test_opposite_shifts_of_two_pictures_do_not_cancel():
    hr = photo("coffee.png").clip(10, 245)
    assert doctor.colour_shifts([(hr, hr + np.uint8(4)), (hr, hr - np.uint8(4))]).max() == pytest.approx(4)


def test_a_slight_shift_is_not_warned_of():
    hr = photo("coffee.png").clip(10, 245)
    signs, warnings = Doctor(4).examine(1, [(hr, hr + np.uint8(1))])
    assert signs["colour_shift"] < MAX_COLOUR_SHIFT and not warnings


def test_a_trouble_from_before_gan_training_is_not_blamed_on_it():
    hr = photo("coffee.png").clip(10, 245)
    _, (warning,) = Doctor(4).examine(0, [(hr, hr + np.uint8(5))])
    assert "before GAN training began" in warning and "--adversarial-weight" not in warning


def test_a_trouble_of_pictures_is_said_again_only_after_calm_examinations():
    hr = photo("coffee.png").clip(10, 245)
    good, bad = [(hr, hr)], [(hr, hr + np.uint8(5))]
    it = Doctor(4)
    course = [bad, bad, good, bad, *[good] * CALM, bad]
    said = [len(it.examine(step, pairs)[1]) for step, pairs in enumerate(course)]
    assert said == [1, 0, 0, 0, *[0] * CALM, 1]


def test_after_a_restart_a_trouble_of_before_is_not_said_again_and_not_blamed_on_gan_training():
    hr = photo("coffee.png").clip(10, 245)
    it = Doctor(4)
    it.recall([{"colour_shift": "5.0", "checkerboard": ""}, {"colour_shift": "", "checkerboard": ""}])
    assert not it.examine(4, [(hr, hr + np.uint8(5))])[1]


def test_nothing_is_read_off_the_scores_of_a_wasserstein_critic():
    assert not tell(Doctor(4, critic=True), WON, 3 * PATIENCE, 0.0)
    assert tell(Doctor(4), WON, 3 * PATIENCE, 0.0)
