"""What the configurations of classifier and regression have in common: the linear methods and their names."""

from collections.abc import Callable, Mapping

from duma.configuration import Float32
from duma.configuration_form import Choice, Condition, Form, Member

REGULARIZATION_WEIGHT = Member(
    Float32(),
    "larger: one record changes the model more",
    example=1.0,
    condition=Condition("0.0 < regularization_weight", lambda weight: weight > 0),  # NaN is refused, too
)

# Name: meaning, other names. Both engines know these; the classifier has one more.
_METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "perceptron": ("a plain step per error", ()),
    "PA": ("passive aggressive: each record is learned at once, in full", ("passive_aggressive",)),
    "PA1": ("passive aggressive with a longest step", ("passive_aggressive_1",)),
    "PA2": ("passive aggressive with a damped step", ("passive_aggressive_2",)),
    "CW": ("confidence weighted: a variance per weight", ("confidence_weighted",)),
    "AROW": ("adaptive regularization of weights: a good first choice", ()),
    "NHERD": ("normal herding: like AROW, with larger steps", ("normal_herd",)),
}
METHODS = tuple(_METHODS)

WITHOUT_COVARIANCE = ("perceptron", "PA", "PA1", "PA2")


def linear_methods(
    members: Callable[[str], Mapping[str, Member]],
    choices: tuple[Choice, ...] = (),
    more_aliases: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, Form]:
    """The form of each linear method's parameters, with these members by method and these choices for all."""
    extra = more_aliases or {}
    return {
        name: Form(meaning, members(name), choices, aliases + extra.get(name, ()))
        for name, (meaning, aliases) in _METHODS.items()
    }
