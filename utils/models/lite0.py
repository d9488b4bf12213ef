"""Names of EfficientNet-Lite0's weights: from the EfficientNet-PyTorch port to timm's `tf_efficientnet_lite0`."""

from __future__ import annotations

import re

# Blocks per stage. The port counts blocks through, timm counts them within a stage.
_STAGES = (1, 2, 2, 3, 3, 4, 1)

_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# The blocks of the first stage have no expansion, so timm starts to count one layer later.
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_LATER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def lite0_key(key: str) -> str:
    """Translate a weight's name from the port to timm.

    Raises:
        ValueError: if the name is none of the port's.

    Example:
        >>> lite0_key("_blocks.1._expand_conv.weight"), lite0_key("_fc.bias")
        ('blocks.1.0.conv_pw.weight', 'classifier.bias')
    """
    layer, _, rest = key.partition(".")
    if layer in _TOP and rest:
        return f"{_TOP[layer]}.{rest}"
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    place = _place(int(match[1])) if match else None
    if match and place and match[2] in (names := _LATER_STAGES if place[0] else _FIRST_STAGE):
        return f"blocks.{place[0]}.{place[1]}.{names[match[2]]}.{match[3]}"
    raise ValueError(
        f"{key!r} is no weight of EfficientNet-Lite0, expected {', '.join(_TOP)} or _blocks.0 to _blocks.15."
    )


def _place(number: int) -> tuple[int, int] | None:
    """Return (stage, index in the stage) of a block counted through, or None if there is no such block."""
    for stage, length in enumerate(_STAGES):
        if number < length:
            return stage, number
        number -= length
    return None
