"""What is trained when little is asked for."""

import pytest

from srzoo import recipes
from srzoo.losses import TERMS
from srzoo.recipes import learning_rate
from srzoo.training import stages
from srzoo.training.stages import settings_of, stages_of


def test_what_is_not_given_is_the_papers():
    edsr, srresnet = settings_of("div2k"), settings_of("div2k", "srresnet")
    assert (edsr.loss, edsr.patch, edsr.batch, edsr.learning_rate, edsr.steps) == ("l1", 192, 16, 1e-4, 300_000)
    assert (srresnet.loss, srresnet.patch, srresnet.batch, srresnet.learning_rate) == ("l2", 96, 16, 1e-4)
    assert settings_of("div2k", scale=2).patch == 96  # EDSR's LR patch is 48 at every scale


def test_with_minutes_the_run_has_no_last_step_and_the_schedule_follows_the_time():
    settings = settings_of("sample", minutes=5)
    assert (settings.steps, settings.schedule) == (None, "cosine")


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="loss must be one of l1, l2, charbonnier, psnr, got 'l3'"):
        settings_of("sample", loss="l3")


def test_a_data_set_and_no_other_word_is_edsr_on_pixels_and_then_srgan():
    pixel, gan = stages_of("photos")
    assert (pixel.model, pixel.loss, pixel.gan) == ("edsr-baseline-x4", "l1", False)
    assert (gan.model, gan.objective, gan.schedule) == ("edsr-gan-x4", "srgan-vgg54", "tenth")
    assert (gan.patch, gan.batch, gan.learning_rate, gan.steps) == (96, 16, 1e-4, 200_000)
    assert (gan.content, gan.weights) == ({"vgg54": 1.0}, {"content": 1.0, "adversarial": 1e-3})
    assert (gan.discriminator_norm, gan.discriminator_head) == ("batch", "pool")
    assert gan.discriminator_input == "pixels"


def test_srgan_is_srresnet_on_pixels_first():
    pixel, gan = stages_of("photos", "srgan", scale=2)
    assert (pixel.model, pixel.loss, pixel.steps) == ("srresnet-x2", "l2", 1_000_000)
    assert gan.model == "srgan-x2"


def test_the_model_for_damaged_pictures_is_trained_on_them_in_both_stages():
    pixel, gan = stages_of("photos", "edsr-real", minutes=10)
    assert (pixel.model, pixel.loss, pixel.degrade, pixel.degrade_clean) == ("edsr-real-pixel-x4", "l1", "real", 0)
    assert (gan.model, gan.objective, gan.degrade, gan.patch, gan.batch) == (
        *("edsr-real-x4", "real-esrgan", "real", 256, 48),
    )
    assert (gan.discriminator_head, gan.discriminator_norm, gan.sharpen_target) == ("unet", "spectral", None)
    mild, as_it_is = (stages_of("photos", "edsr-real", degrade=preset)[0].degrade for preset in ("mild", "none"))
    assert (mild, as_it_is) == ("mild", None)
    assert settings_of("photos", "edsr-baseline").degrade is None


def test_a_u_net_takes_crops_that_can_be_halved_three_times():
    with pytest.raises(ValueError, match="--patch 100: expected a multiple of 8 for the U-Net discriminator"):
        settings_of("photos", "edsr-real", patch=100)
    assert settings_of("photos", "edsr-real", patch=100, discriminator_head="patches").discriminator_norm == "batch"


def test_given_weights_skip_the_first_stage():
    (gan,) = stages_of("photos", init_weights="best.weights.h5", steps=100)
    assert (gan.model, gan.steps, gan.init_weights) == ("edsr-gan-x4", 100, "best.weights.h5")


def test_a_model_of_pixels_has_one_stage():
    (pixel,) = stages_of("photos", "edsr-baseline", loss="charbonnier", objective=None)
    assert (pixel.loss, pixel.gan) == ("charbonnier", False)


def test_the_optimizer_is_that_of_the_training_on_pixels(monkeypatch):
    monkeypatch.setattr(stages, "HAS_MUON", True)
    assert [stage.optimizer for stage in stages_of("photos", optimizer="muon")] == ["muon", None]
    # As in the configurations of runs that know of Adam alone.
    assert [stage.optimizer for stage in stages_of("photos", "edsr-baseline", optimizer="adam")] == [None]
    monkeypatch.setattr(stages, "HAS_MUON", False)
    with pytest.raises(ValueError, match="--optimizer muon: needs Keras 3.13"):
        stages_of("photos", optimizer="muon")


def test_two_stages_share_the_steps_and_the_minutes():
    for steps, shares in ((100, [50, 50]), (7, [3, 4]), (1, [1, 1])):
        assert [stage.steps for stage in stages_of("photos", steps=steps)] == shares
    assert [(stage.minutes, stage.steps) for stage in stages_of("photos", minutes=60)] == [(30, None), (30, None)]


def test_the_sizes_of_the_network_are_those_of_both_stages():
    assert [stage.model for stage in stages_of("photos", "srgan-x4.blocks4")] == [
        "srresnet-x4.blocks4",
        "srgan-x4.blocks4",
    ]


def test_parts_of_an_objective_can_be_changed():
    (gan,) = stages_of(
        "photos",
        init_weights="w",
        objective="esrgan",
        content={"vgg22": 0.5},
        adversarial="wasserstein",
        weights={"adversarial": 0.01, "grid": 2.0},
        activation="after",
    )
    assert (gan.content, gan.adversarial, gan.activation, gan.distance) == (
        {"vgg22": 0.5},
        "wasserstein",
        "after",
        "l1",
    )
    assert gan.weights == {"content": 1.0, "adversarial": 0.01, "pixel": 1e-2, "grid": 2.0}
    assert gan.discriminator_norm == "none"  # what the gradient penalty needs


@pytest.mark.parametrize(
    "options, says",
    [
        ({"objective": "srgan"}, "objective must be one of srgan-vgg22, srgan-vgg54, per-pix"),
        ({"adversarial": "wgan"}, "adversarial loss must be one of vanilla, .* got 'wgan'"),
        (
            {"model": "edsr-baseline", "weights": {"adversarial": 0.1}},
            "--adversarial-weight: only for models of GAN training",
        ),
        ({"init_weights": "w", "loss": "l1"}, "--loss: only for the training on pixels"),
        ({"loss": "l3"}, "loss must be one of l1"),
        ({"init_weights": "w", "optimizer": "muon"}, "--optimizer: only for the training on pixels"),
        ({"learning_rat": 1e-4}, "unknown option 'learning_rat'; srzoo.training.settings.Settings lists all"),
        ({"weights": {"gird": 0.0}}, "term of the loss must be one of content, .*, got 'gird'"),
        ({"pixel": "l3"}, "pixel loss must be one of l1, .*, got 'l3'"),
        ({"optimizer": "sgd"}, "optimizer must be one of adam, muon, got 'sgd'"),
        ({"perceptual": "lpips.npz"}, "--perceptual lpips.npz: only for --perceptual-weight, which is not given or 0"),
        ({"weights": {"grid": 1.0}, "patch": 16}, "--patch 16: --grid-weight needs crops of at least 32 HR pixels"),
        ({"sharpen_target": True, "patch": 24}, "--patch 24: --sharpen-target needs crops of at least 26 HR pixels"),
        ({"seed": -1}, "--seed -1: expected a whole number from 0 to 4294967295"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        stages_of("photos", **options)


def test_esrgan_halves_its_learning_rate_at_the_papers_steps():
    pixel, gan = stages_of("photos", "esrgan")
    assert (pixel.model, pixel.learning_rate, pixel.halve_every) == ("rrdb-x4", 2e-4, 200_000)
    assert (gan.objective, gan.patch, gan.steps) == ("esrgan", 128, 400_000)
    rates = [learning_rate("halving", 1e-4, gan.halve_every, step, 0) for step in (49_999, 50_000, 100_000, 300_000)]
    assert rates == [1e-4, 0.5e-4, 0.25e-4, 0.0625e-4]


def test_a_teacher_is_of_the_training_on_pixels_and_gives_the_whole_target():
    pixel, gan = stages_of("photos", teacher="edsr-x4.tflite")
    assert (pixel.teacher, pixel.teacher_weight, gan.teacher) == ("edsr-x4.tflite", 1.0, None)
    with pytest.raises(ValueError, match="--teacher-weight 0.5: expected a share up to 1, beside --teacher"):
        stages_of("photos", "edsr", teacher_weight=0.5)


def test_the_terms_of_the_loss_are_those_that_have_a_function():
    assert set(recipes.TERMS) == {"adversarial", *TERMS}


def test_degradations_are_of_both_stages_and_no_crop_stays_clean_unless_asked_for():
    for stage in stages_of("photos", degrade="real"):
        assert (stage.degrade, stage.degrade_clean) == ("real", 0.0)
    with pytest.raises(ValueError, match="--degrade-clean 0.1: expected a share below 1, beside --degrade"):
        stages_of("photos", degrade_clean=0.1)
    with pytest.raises(ValueError, match="--degrade-clean -0.1: expected a share below 1"):
        stages_of("photos", degrade="real", degrade_clean=-0.1)
    with pytest.raises(ValueError, match="in whose place --teacher puts SR: give one of them"):
        stages_of("photos", degrade="real", teacher="edsr-x4.tflite")
