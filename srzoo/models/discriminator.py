"""SRGAN's discriminator: is a picture a photograph, or made by the generator?

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network"
(arXiv 1609.04802): figure 4 is the network, section 2.1.1 the text.
"""

import keras
from keras import layers

FILTERS = (64, 64, 128, 128, 256, 256, 512, 512)
"""Of the eight convolutions; every second one has stride 2."""

NORMS = ("batch", "spectral", "none")
HEADS = ("pool", "flatten")

_START = "he_normal"
# Without normalisation a smaller start lets the signal die out over ten layers.


def _normalised(convolution: layers.Conv2D, x, norm: str):
    if norm == "spectral":
        return layers.SpectralNormalization(convolution, name=f"{convolution.name}_spectral")(x)
    x = convolution(x)
    if norm == "batch":
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=convolution.name.replace("conv", "bn"))(x)
    return x


def discriminator(
    patch: int | None = None, norm: str = "batch", head: str = "pool", filters: int = 64, name: str = "discriminator"
) -> keras.Model:
    """Builds the discriminator.

    Args:
        patch: HR pixels a side of the crops, for `head="flatten"` alone; the paper's is 96.
        norm: `batch`: batch normalisation in all convolutions but the first, as published. `spectral`: spectral
            normalisation of every layer instead (Miyato et al., arXiv 1802.05957). `none`: neither, for the
            gradient penalty, which looks at each crop on its own (Gulrajani et al., arXiv 1704.00028, section 4).
        head: `pool`: the mean over the last feature maps, so that crops of any size fit (5.2 million
            parameters). `flatten`: the paper's, for crops of `patch` pixels alone (23.6 million at 96).
        filters: channels of the first convolution, of which the others have 1, 2, 4 and 8 times as many.
        name: the model's name.

    Returns:
        A functional model from RGB pixels in [0, 255], float32 (N, H, W, 3), to float32 logits (N, 1). The
        probability that a picture is a photograph is the logit's sigmoid. All but the last layer computes in
        Keras's global dtype policy.

    Raises:
        ValueError: for an unknown norm or head, or a patch where none belongs.
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
    if head not in HEADS:
        raise ValueError(f"head must be one of {', '.join(HEADS)}, got {head!r}")
    if (head == "flatten") != (patch is not None):
        raise ValueError(f"patch is for head='flatten' and needed there, got {patch!r} for head={head!r}")

    pixels = keras.Input((patch, patch, 3), name="pixels", dtype="float32")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalize", dtype="float32")(pixels)
    for i, published in enumerate(FILTERS, start=1):
        convolution = layers.Conv2D(
            published * filters // 64,
            3,
            strides=2 - i % 2,
            padding="same",
            # The shift of a batch normalisation makes the bias useless.
            use_bias=norm != "batch" or i == 1,
            kernel_initializer=_START,
            name=f"conv{i}",
        )
        x = _normalised(convolution, x, "none" if norm == "batch" and i == 1 else norm)
        x = layers.LeakyReLU(0.2, name=f"lrelu{i}")(x)
    x = layers.Flatten(name="flatten")(x) if head == "flatten" else layers.GlobalAveragePooling2D(name="pool")(x)
    dense = layers.Dense(16 * filters, kernel_initializer=_START, name="dense1")
    x = layers.SpectralNormalization(dense, name="dense1_spectral")(x) if norm == "spectral" else dense(x)
    x = layers.LeakyReLU(0.2, name="lrelu_dense")(x)
    # In float32: the losses take differences of logits.
    logit = layers.Dense(1, name="logit", dtype="float32")(x)
    return keras.Model(pixels, logit, name=name)
