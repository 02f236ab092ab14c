"""What the configurations of classifier and regression have in common: the linear methods and their names."""

from duma.errors import ConfigurationError

METHODS = ("perceptron", "PA", "PA1", "PA2", "CW", "AROW", "NHERD")

# Other names, as both engines know them. The classifier has one more.
ALIASES = {
    "passive_aggressive": "PA",
    "passive_aggressive_1": "PA1",
    "passive_aggressive_2": "PA2",
    "confidence_weighted": "CW",
    "normal_herd": "NHERD",
}

_NOT_YET = ("NN", "nearest_neighbor", "cosine", "euclidean")

WITHOUT_COVARIANCE = ("perceptron", "PA", "PA1", "PA2")


def refuse_neighbor_methods(method: str) -> None:
    """Raises `ConfigurationError` for the methods that search for neighbours."""
    if method in _NOT_YET:
        raise ConfigurationError(
            [
                f"the method {method} is not available in this version yet; "
                f"use one of {', '.join(METHODS)} (.method)"
            ]
        )
