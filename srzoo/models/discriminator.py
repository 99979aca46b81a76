"""SRGAN's discriminator: is a picture a photograph, or made by the generator?

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network"
(arXiv 1609.04802): figure 4 is the network, section 2.1.1 the text. And the PatchGAN of Isola et al., "Image-to-Image
Translation with Conditional Adversarial Networks" (arXiv 1611.07004, section 3.2.2), which judges part by part, and the
U-Net of Wang et al., "Real-ESRGAN" (arXiv 2107.10833, section 3.4), which judges pixel by pixel.
"""

import keras
from keras import layers

from srzoo.backend import channels_last

FILTERS = (64, 64, 128, 128, 256, 256, 512, 512)
"""Filters of the eight convolutions; every second one has stride 2."""

NORMS = ("batch", "spectral", "none")
HEADS = ("pool", "flatten", "patches", "unet")
INPUTS = ("pixels", "details")

_PATCHES = ((1, 2), (2, 2), (4, 1))
"""The PatchGAN's convolutions: filters as a multiple of the first one's, and stride."""

_DOWN, _UP, _LAST = (2, 4, 8), (4, 2, 1), (1, 1)
"""The U-Net's filters at each halving, each doubling and after them, as a multiple of the first's."""

UNET_MULTIPLE = 2 ** len(_DOWN)
"""Number of pixels; the sides of a U-Net's pictures are multiples of it."""

_WINDOW, _GAIN = 5, 4.0
"""Pixels a side of the mean that `details` are the difference from, and a factor to about the deviation of pixels."""

# Without normalisation a smaller variance lets the signal die out over ten layers.
_INITIALIZER = "he_normal"


def _normalised(convolution: layers.Conv2D, x, norm: str):
    if norm == "spectral":
        return layers.SpectralNormalization(convolution, name=f"{convolution.name}_spectral")(x)
    x = convolution(x)
    if norm == "batch":
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=convolution.name.replace("conv", "bn"))(x)
    return x


@channels_last()
def discriminator(
    patch: int | None = None,
    norm: str = "batch",
    head: str = "pool",
    filters: int = 64,
    input_kind: str = "pixels",
    name: str = "discriminator",
) -> keras.Model:
    """Builds the discriminator.

    Args:
        patch: HR pixels a side of the crops, for `head="flatten"` alone; the paper's is 96.
        norm: `batch`: batch normalisation in all convolutions but the first, as published. `spectral`: spectral
            normalisation of all layers but the last instead (Miyato et al., arXiv 1802.05957). `none`: neither, for
            the gradient penalty, which looks at each crop on its own (Gulrajani et al., arXiv 1704.00028, section 4).
        head: `pool`: the mean over the last feature maps, so that crops of any size fit (5.2 million
            parameters). `flatten`: the paper's, for crops of `patch` pixels alone (23.6 million at 96).
            `patches`: instead of SRGAN's network a PatchGAN, which has a logit for each part of 34x34 pixels, 4 apart
            (0.7 million): a crop teaches it many times, and texture is judged where it is. `unet`: a U-Net with skip
            connections that are added, which has a logit for each pixel and sees the whole around it (4.4 million).
            Its first and last layers are not normalised; with `norm="spectral"` it is Real-ESRGAN's.
        filters: channels of the first convolution, of which the others have 1, 2, 4 and 8 times as many.
        input_kind: `pixels`; or `details`: their difference from the mean of the 5x5 pixels around, so that it need not
            learn first to pass over what the generator has from LR anyway (Fritsche et al., arXiv 1911.07850).
        name: the model's name.

    Returns:
        A functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to float32 logits (N, 1), of `patches`
        (N, H / 4, W / 4, 1), of `unet` (N, H, W, 1) for H and W that are multiples of 8. The probability that a picture
        is a photograph is the logit's sigmoid. All but the last layer computes in Keras's global dtype policy.

    Raises:
        ValueError: for an unknown norm, head or input, or a patch where none belongs.
    """
    for what, value, known in (("norm", norm, NORMS), ("head", head, HEADS), ("input", input_kind, INPUTS)):
        if value not in known:
            raise ValueError(f"the discriminator's {what} must be one of {', '.join(known)}, got {value!r}")
    if (head == "flatten") != (patch is not None):
        raise ValueError(f"patch is for head='flatten' and needed there, got {patch!r} for head={head!r}")

    pixels = keras.Input((patch, patch, 3), name="pixels", dtype="float32")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalize", dtype="float32")(pixels)
    if input_kind == "details":
        mean = layers.AveragePooling2D(_WINDOW, strides=1, padding="same", name="mean", dtype="float32")(x)
        details = layers.Subtract(name="details", dtype="float32")([x, mean])
        x = layers.Rescaling(_GAIN, name="gain", dtype="float32")(details)
    parts = {"patches": _patches, "unet": _unet}
    logits = parts[head](x, norm, filters) if head in parts else _whole(x, norm, head, filters)
    return keras.Model(pixels, logits, name=name)


def _whole(x, norm: str, head: str, filters: int):
    """SRGAN's: one logit for the crop."""
    for i, published in enumerate(FILTERS, start=1):
        x = _convolution(x, i, published * filters // 64, 3, 2 - i % 2, norm)
    x = layers.Flatten(name="flatten")(x) if head == "flatten" else layers.GlobalAveragePooling2D(name="pool")(x)
    dense = layers.Dense(16 * filters, kernel_initializer=_INITIALIZER, name="dense1")
    x = layers.SpectralNormalization(dense, name="dense1_spectral")(x) if norm == "spectral" else dense(x)
    x = layers.LeakyReLU(0.2, name="lrelu_dense")(x)
    # In float32: the losses take differences of logits.
    return layers.Dense(1, name="logit", dtype="float32")(x)


def _patches(x, norm: str, filters: int):
    """A PatchGAN's: a logit for each part."""
    for i, (multiple, strides) in enumerate(_PATCHES, start=1):
        x = _convolution(x, i, multiple * filters, 4, strides, norm)
    return layers.Conv2D(1, 4, padding="same", name="logits", dtype="float32")(x)


def _unet(x, norm: str, filters: int):
    """Real-ESRGAN's: a logit for each pixel."""
    x = layers.Conv2D(filters, 3, padding="same", kernel_initializer=_INITIALIZER, name="conv1")(x)
    x = layers.LeakyReLU(0.2, name="lrelu1")(x)
    bias = norm == "none"  # as published
    skips = []
    for i, multiple in enumerate(_DOWN, start=2):
        skips.append(x)
        x = _convolution(x, i, multiple * filters, 4, 2, norm, bias)
    for i, multiple in enumerate(_UP, start=2 + len(_DOWN)):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{i}")(x)
        x = _convolution(x, i, multiple * filters, 3, 1, norm, bias)
        x = layers.Add(name=f"skip{i}")([x, skips.pop()])
    for i, multiple in enumerate(_LAST, start=2 + len(_DOWN + _UP)):
        x = _convolution(x, i, multiple * filters, 3, 1, norm, bias)
    return layers.Conv2D(1, 3, padding="same", name="logits", dtype="float32")(x)


def _convolution(x, i: int, filters: int, size: int, strides: int, norm: str, bias: bool = True):
    """The i-th, with its normalisation and its activation; of the first the spectral one is the only normalisation."""
    convolution = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        # The shift of a batch normalisation makes the bias useless.
        use_bias=bias and (norm != "batch" or i == 1),
        kernel_initializer=_INITIALIZER,
        name=f"conv{i}",
    )
    x = _normalised(convolution, x, "none" if norm == "batch" and i == 1 else norm)
    return layers.LeakyReLU(0.2, name=f"lrelu{i}")(x)
